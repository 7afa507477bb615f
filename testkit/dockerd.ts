import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, run, type Ran, type RunOptions } from './tools.ts'

/** A private Docker: its own daemon, socket and data root, gone when the scope ends. */
export interface Dockerd extends AsyncDisposable {
  readonly socket: string
  readonly root: string
  docker(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** Environment under which any Docker client speaks to this daemon. */
  readonly env: Readonly<Record<string, string>>
  /** The command line client of the same version as the daemon. */
  readonly client: string
}

/**
 * Starts dockerd without touching the host's own. `network: false` leaves bridges and firewall
 * alone; benchmarks of published ports want them.
 * `args` are more of its own flags, `env` of its environment. The data root must not lie on overlayfs or tmpfs, so it is made under /var/tmp.
 */
export async function startDockerd(
  options: {
    readonly network?: boolean
    readonly args?: readonly string[]
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<Dockerd> {
  const root = mkdtempSync('/var/tmp/cairn-dockerd-')
  const socket = join(root, 'docker.sock')
  mkdirSync(join(root, 'config'))
  const settings = join(root, 'daemon.json')
  writeFileSync(settings, '{}')
  const log = join(root, 'dockerd.log')
  // docker0 belongs to whichever daemon started last; a bridge of its own is nobody else's.
  const bridge = options.network ? `ck${process.pid % 100_000}` : undefined
  if (bridge) {
    await must(['ip', 'link', 'add', bridge, 'type', 'bridge'])
    await must(['ip', 'address', 'add', '172.29.0.1/24', 'dev', bridge])
  }
  const network = bridge ? [`--bridge=${bridge}`] : ['--bridge=none', '--iptables=false', '--ip-masq=false']
  const child = Bun.spawn(
    [
      'dockerd',
      '--host',
      `unix://${socket}`,
      '--data-root',
      join(root, 'data'),
      '--exec-root',
      join(root, 'exec'),
      '--pidfile',
      join(root, 'dockerd.pid'),
      '--config-file',
      settings,
      ...network,
      ...(options.args ?? []),
    ],
    { stdin: 'ignore', stdout: 'ignore', stderr: Bun.file(log), env: { ...process.env, HOME: root, ...options.env } },
  )
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await child.exited
    await run(['sh', '-c', `grep -o '${root}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l`])
    if (bridge) await run(['ip', 'link', 'delete', bridge])
    rmSync(root, { recursive: true, force: true })
  }
  try {
    await socketAppears(root, socket, child.exited)
  } catch (error) {
    const said = readFileSync(log, 'utf8').slice(-2000)
    await stop()
    throw new Error(`dockerd did not start\n${said}`, { cause: error })
  }
  const env = {
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: join(root, 'config'),
    DOCKER_BUILDKIT: '1',
    BUILDKIT_PROGRESS: 'plain',
  }
  const client = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker'
  return {
    socket,
    root,
    env,
    client,
    docker: (args, o = {}) => run([client, ...args], { ...o, env: { ...env, ...o.env } }),
    [Symbol.asyncDispose]: stop,
  }
}

/** Resolves when the socket is there; rejects when the daemon ends first or a minute passes. */
async function socketAppears(dir: string, socket: string, exited: Promise<number>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const watcher = watch(dir, () => existsSync(socket) && resolve())
  const timer = setTimeout(() => reject(new Error('no socket after 60 s')), 60_000)
  void exited.then((code) => reject(new Error(`dockerd exited with ${code}`)))
  if (existsSync(socket)) resolve()
  try {
    await promise
  } finally {
    clearTimeout(timer)
    watcher.close()
  }
}
