import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, type Ran, type RunOptions } from './tools.ts'

/** A private containers-storage for podman, buildah and skopeo, gone when the scope ends. */
export interface ContainersStorage extends AsyncDisposable {
  readonly root: string
  podman(args: readonly string[], options?: RunOptions): Promise<Ran>
  buildah(args: readonly string[], options?: RunOptions): Promise<Ran>
  skopeo(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** The full command line, for a benchmark that spawns it itself. */
  command(tool: 'podman' | 'buildah' | 'skopeo', args: readonly string[]): readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export function containersStorage(): ContainersStorage {
  const root = mkdtempSync('/var/tmp/cairn-podman-')
  for (const dir of ['graph', 'run', 'tmp']) mkdirSync(join(root, dir))
  // Everything through one storage.conf, so that skopeo's containers-storage: sees the same place.
  const conf = join(root, 'storage.conf')
  writeFileSync(conf, `[storage]\ndriver = "overlay"\ngraphroot = "${root}/graph"\nrunroot = "${root}/run"\n`)
  const policy = join(root, 'policy.json')
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}')
  // podman asks for a million open files, which a machine without CAP_SYS_RESOURCE cannot grant.
  const containers = join(root, 'containers.conf')
  // crun before 1.9 refuses hosts that mount both cgroup versions; runc serves there.
  const runtime = existsSync('/sys/fs/cgroup/unified') ? 'runc' : 'crun'
  writeFileSync(
    containers,
    `[containers]\ndefault_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]\n[engine]\nruntime = "${runtime}"\n`,
  )
  const env = { CONTAINERS_CONF: containers, CONTAINERS_STORAGE_CONF: conf, TMPDIR: join(root, 'tmp') }
  const command = (tool: 'podman' | 'buildah' | 'skopeo', args: readonly string[]): readonly string[] => {
    if (tool === 'podman') return ['podman', '--cgroup-manager', 'cgroupfs', '--tmpdir', join(root, 'tmp'), ...args]
    return tool === 'skopeo' ? ['skopeo', '--policy', policy, ...args] : ['buildah', ...args]
  }
  const call =
    (tool: 'podman' | 'buildah' | 'skopeo') =>
    (args: readonly string[], options: RunOptions = {}) =>
      run(command(tool, args), { ...options, env: { ...env, ...options.env } })
  return {
    root,
    env,
    command,
    podman: call('podman'),
    buildah: call('buildah'),
    skopeo: call('skopeo'),
    [Symbol.asyncDispose]: async () => {
      await call('podman')(['rm', '-fa'])
      await run(['sh', '-c', `grep -o '${root}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l`])
      rmSync(root, { recursive: true, force: true })
    },
  }
}
