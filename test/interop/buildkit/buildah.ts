import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLayout } from '#content'
import type { Descriptor } from '#oci'
import { must, run } from '#testkit'
import type { Case } from './cases.ts'
import { describeImage, type BuiltImage, type Outcome } from './outcome.ts'

/** History and the stack of layers are each builder's own; the OCI form has no shell and no health check. */
const MEMBERS = ['Env', 'Cmd', 'Entrypoint', 'User', 'Labels', 'ExposedPorts', 'Volumes', 'StopSignal'] as const

/** What a step of buildah leaves behind where it mounted something. */
const MOUNT_POINTS = /^\/(?:dev|proc|sys|run(?:\/.*)?|etc\/(?:hosts|hostname|resolv\.conf))$/

/** Flags of `cairn build` that buildah 1.28 has as well; each takes a value. */
const FLAGS: ReadonlySet<string> = new Set(['-f', '--build-arg', '--label', '--target', '--secret', '--ulimit'])

/** Whether buildah judges a case: one that Cairn and BuildKit agree on, in words that it knows, and not known to differ. */
export function isForBuildah({ name, call, args, buildah, buildkitFails, fails, differs }: Case): boolean {
  const isAgreed = buildkitFails === (fails !== undefined) && !differs.includes('tree')
  const isKnown = args.every((word) => !word.startsWith('-') || FLAGS.has(word.replace(/=.*/s, '')))
  return !/^(?:check|epoch|history):/.test(name) && buildah === undefined && call === undefined && isAgreed && isKnown
}

/** What buildah's images have in common with BuildKit's: files, and what a container of the image runs. */
export function commonParts({ config, tree: all }: BuiltImage): object {
  const { config: process } = config as { readonly config: Readonly<Record<string, unknown>> }
  const tree = Object.fromEntries(Object.entries(all).filter(([path]) => !MOUNT_POINTS.test(path)))
  return {
    tree,
    ...Object.fromEntries(MEMBERS.map((name) => [name, process[name]])),
    WorkingDir: process.WorkingDir ?? '/',
  }
}

/** What it calls itself, for what is remembered of it. */
export async function buildahVersion(): Promise<string> {
  return (await must(['buildah', '--version'])).trim()
}

/** Debian's buildah with a storage of its own below `directory`, which must be on a real file system. */
export interface Buildah extends AsyncDisposable {
  /** Builds a case whose context is at `context`. */
  build(test: Case, context: string): Promise<Outcome>
}

export async function startBuildah(
  directory: string,
  bases: { readonly layout: string; readonly manifests: ReadonlyMap<string, Descriptor> },
): Promise<Buildah> {
  mkdirSync(directory, { recursive: true })
  const own = ['--root', join(directory, 'root'), '--runroot', join(directory, 'run'), '--storage-driver', 'overlay']
  const buildah = (...words: readonly string[]): string[] => ['buildah', ...own, ...words]
  for (const [name, manifest] of bases.manifests) {
    // A layout of its own, for buildah tells images apart by the tag alone, and calls this one localhost/<name>.
    const layout = join(directory, name)
    mkdirSync(layout)
    for (const part of ['oci-layout', 'blobs']) symlinkSync(join(bases.layout, part), join(layout, part))
    const tagged = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [tagged] }))
    await must(buildah('pull', '-q', `oci:${name}:latest`), { cwd: directory })
  }
  let count = 0
  return {
    async build(test, context) {
      const name = `built-${++count}`
      const how = ['-q', '--isolation', 'chroot', '--pull-never', '--format', 'oci', '--identity-label=false']
      const words = ['build', ...how, '-f', 'Dockerfile', '-t', name, ...test.args, '.']
      const { code, stderr } = await run(buildah(...words), { cwd: context })
      if (code !== 0) return { error: stderr.split('\n').slice(-30).join('\n') }
      const output = join(directory, name)
      await must(buildah('push', '-q', name, `oci:${output}:${name}`))
      const layout = openLayout(output)
      const built = await describeImage(layout, await layout.resolve(name))
      rmSync(output, { recursive: true })
      return built
    },
    [Symbol.asyncDispose]: async () => {
      await run(buildah('rmi', '-af'))
      await run(['sh', '-c', `grep -o '${directory}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l`])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
