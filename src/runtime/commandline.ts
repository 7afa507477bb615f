import { basename } from 'node:path'
import { inUserNamespace } from '#sys'
import { complaint } from './complaint.ts'

/** Runtimes read little of the environment; a container's never comes from here. That of a user says where their systemd is. */
export function runtimeEnvironment(): Record<string, string> {
  const session = inUserNamespace() ? process.env['XDG_RUNTIME_DIR'] : undefined
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...(session !== undefined && { XDG_RUNTIME_DIR: session }),
  }
}

/** A runtime as it is called: its file, and the options that go before every command. */
export class CommandLine {
  /** `crun` or `runc`. */
  readonly kind: string
  readonly globals: readonly string[]
  readonly #path: string
  readonly #root: string

  constructor(path: string, root: string) {
    this.kind = basename(path)
    this.globals = ['--root', root, ...managerOf(this.kind, false)]
    this.#path = path
    this.#root = root
  }

  /** The options before a command that makes a container: who makes its control group is known to those that follow. */
  creating(grouped: boolean): readonly string[] {
    return ['--root', this.#root, ...managerOf(this.kind, grouped)]
  }

  /** Runs a command to its end. */
  call(...args: readonly string[]): Promise<Finished> {
    return finish([this.#path, ...this.globals, ...args])
  }

  /** Runs a command about a container; throws what the runtime complains of. */
  async must(id: string, verb: string, ...args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.call(verb, ...args)
    if (code !== 0) throw complaint(this.kind, stderr, verb, id)
  }

  /** The words of a command whose complaints go to the file `log`. */
  logged(log: string, args: readonly string[], globals: readonly string[] = this.globals): string[] {
    return [this.#path, ...globals, '--log', log, '--log-format=json', ...args]
  }
}

/** How a runtime is told who makes control groups: it, or in a user namespace the user's systemd, or nobody. */
function managerOf(kind: string, grouped: boolean): readonly string[] {
  const user = inUserNamespace()
  if (kind === 'crun') return [`--cgroup-manager=${user ? (grouped ? 'systemd' : 'disabled') : 'cgroupfs'}`]
  return user ? ['--rootless', 'true', ...(grouped ? ['--systemd-cgroup'] : [])] : []
}

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function finish(argv: readonly string[]): Promise<Finished> {
  const child = Bun.spawn([...argv], { stdio: ['ignore', 'pipe', 'pipe'], env: runtimeEnvironment() })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}
