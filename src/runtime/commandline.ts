import { basename } from 'node:path'
import { inUserNamespace } from '#sys'
import { complaint } from './complaint.ts'

/** Runtimes read little of the environment; a container's never comes from here. */
export const RUNTIME_ENV: Record<string, string> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
}

/** A runtime as it is called: its file, and the options that go before every command. */
export class CommandLine {
  /** `crun` or `runc`. */
  readonly kind: string
  readonly globals: readonly string[]
  readonly #path: string

  constructor(path: string, root: string) {
    this.kind = basename(path)
    this.globals = ['--root', root, ...managerOf(this.kind)]
    this.#path = path
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
  logged(log: string, args: readonly string[]): string[] {
    return [this.#path, ...this.globals, '--log', log, '--log-format=json', ...args]
  }
}

/** How a runtime is told who makes control groups: it, or in a user namespace nobody. */
function managerOf(kind: string): readonly string[] {
  if (kind === 'crun') return [`--cgroup-manager=${inUserNamespace() ? 'disabled' : 'cgroupfs'}`]
  return inUserNamespace() ? ['--rootless', 'true'] : []
}

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function finish(argv: readonly string[]): Promise<Finished> {
  const child = Bun.spawn([...argv], { stdio: ['ignore', 'pipe', 'pipe'], env: RUNTIME_ENV })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}
