import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  containersStorage,
  debianPythonRootfs,
  debianRootfs,
  lacking,
  must,
  run,
  startDockerd,
  type ContainersStorage,
  type Dockerd,
} from '#testkit'
import { cairnIn } from './cairn.ts'
import { openRegistries, type Registries } from './share/registries.ts'

/** What every row works on: a cairn of its own, the peers that are installed, images and contexts. */
export interface Stage extends AsyncDisposable {
  readonly dir: string
  readonly cairn: (args: readonly string[]) => readonly string[]
  readonly docker?: Dockerd
  readonly storage?: ContainersStorage
  /** A Debian root with python, as docker-archive and as gzipped OCI archive. */
  readonly archive: string
  readonly ociArchive: string | undefined
  /** Started when a row first asks for them. */
  readonly registries: () => Promise<Registries>
}

/** On a real disk: overlayfs and tmpfs would flatter or break one or the other. */
export async function openStage(): Promise<Stage> {
  const dir = mkdtempSync('/var/tmp/cairn-bench-')
  const cairn = cairnIn(dir, '')
  const docker = lacking('dockerd') ? undefined : await startDockerd({ network: true })
  const storage = lacking('podman', 'buildah') ? undefined : containersStorage()
  const rootfs = await debianRootfs()
  await must(cairn(['import', '--change', 'CMD ["bash"]', rootfs, 'debian:12']))
  await docker?.docker(['import', '--change', 'CMD ["bash"]', rootfs, 'debian:12'])
  await storage?.podman(['import', '-q', '--change', 'CMD=["bash"]', rootfs, 'debian:12'])
  const archive = join(dir, 'big.tar')
  await makeBigArchive(cairn, archive)
  let registries: Promise<Registries> | undefined
  const stage: Stage = {
    dir,
    cairn,
    ...(docker ? { docker } : {}),
    ...(storage ? { storage } : {}),
    archive,
    ociArchive: await gzippedOci(dir, archive),
    registries: () => (registries ??= openRegistries(stage)),
    [Symbol.asyncDispose]: async () => {
      // Registries that could not be opened are told of by the row that asked for them.
      const opened = await registries?.catch(() => undefined)
      await opened?.[Symbol.asyncDispose]()
      await docker?.[Symbol.asyncDispose]()
      await storage?.[Symbol.asyncDispose]()
      await run(cairn(['system', 'prune', '-af']))
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return stage
}

/** One layer of 170 MB in 8,000 entries, as `save` writes it. */
async function makeBigArchive(cairn: Stage['cairn'], archive: string): Promise<void> {
  await must(cairn(['import', await debianPythonRootfs(), 'big']))
  await must(cairn(['save', '-o', archive, 'big']))
  await must(cairn(['rmi', 'big']))
  await must(cairn(['system', 'prune', '-f']))
}

/** The same image with its layer gzipped, as a registry would hold it; needs skopeo. */
async function gzippedOci(dir: string, archive: string): Promise<string | undefined> {
  if (lacking('skopeo')) return undefined
  const path = join(dir, 'big-oci.tar')
  const policy = join(dir, 'policy.json')
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}')
  await must([
    'skopeo',
    '--policy',
    policy,
    'copy',
    '--dest-compress',
    `docker-archive:${archive}`,
    `oci-archive:${path}:big:latest`,
  ])
  return path
}
