import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { checkCanceled, fail, text, type Call } from '#base'
import { withoutCredentials } from './giturl.ts'
import { gitCredentials } from './gitcredentials.ts'
import type { SecretReader } from '../http/request.ts'

export interface GitOptions {
  readonly remote: string
  readonly secret: SecretReader
  /** Where its files may lie until it is disposed of. */
  readonly directory: string
}

/**
 * git, as a source that is not trusted needs it: no configuration, hooks, filters or helpers of the user or the system,
 * no questions, and only protocols that run nothing. Credentials are handed over in a file that nobody else can read,
 * never in its arguments.
 */
export class Git implements Disposable {
  /** For the repository and what is checked out of it. */
  readonly directory: string
  /** The socket of an SSH agent. */
  agent: string | undefined
  readonly #remote: string
  readonly #env: Readonly<Record<string, string>>

  constructor({ remote, secret, directory }: GitOptions) {
    if (Bun.which('git') === null)
      fail('unimplemented', `${withoutCredentials(remote)} is a git repository, and git is not installed`, {
        hint: 'install git',
      })
    this.directory = mkdtempSync(join(directory, 'git-'))
    this.#remote = remote
    const config = join(this.directory, 'config')
    writeFileSync(config, CONFIG + gitCredentials(remote, secret), { mode: 0o600 })
    this.#env = { ...environment(), GIT_CONFIG_GLOBAL: config }
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** What it says, if it succeeds; else undefined. */
  async attempt(args: readonly string[], call?: Call): Promise<string | undefined> {
    const { code, out } = await this.#spawn(args, call)
    return code === 0 ? out : undefined
  }

  async run(args: readonly string[], call?: Call): Promise<string> {
    const { code, out, err } = await this.#spawn(args, call)
    if (code === 0) return out
    const remote = withoutCredentials(this.#remote)
    const reason = lastWords(err).replaceAll(this.#remote, remote) || `git ${args[0]} ended with ${code}`
    return fail('unavailable', `cannot read ${remote}: ${reason}`, hintFor(err))
  }

  async #spawn(args: readonly string[], call?: Call): Promise<{ code: number; out: string; err: string }> {
    checkCanceled(call)
    const umask = process.umask(0o022)
    const child = Bun.spawn(['git', ...args], {
      cwd: this.directory,
      env: { ...this.#env, ...(this.agent === undefined ? {} : { SSH_AUTH_SOCK: this.agent }) },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      // A group of its own: who gives up ends git's helpers as well.
      detached: true,
    })
    process.umask(umask)
    const end = (): void => void process.kill(-child.pid, 'SIGKILL')
    call?.signal?.addEventListener('abort', end, { once: true })
    try {
      const [out, err, code] = await Promise.all([tail(child.stdout), tail(child.stderr), child.exited])
      checkCanceled(call)
      return { code, out, err }
    } finally {
      call?.signal?.removeEventListener('abort', end)
    }
  }
}

/** Files come out as they are in the repository, and a kept repository is the same wherever it was made. */
const CONFIG = `[init]
	defaultBranch = master
[core]
	hooksPath = /dev/null
	attributesFile = /dev/null
	excludesFile = /dev/null
	fsmonitor = false
	logAllRefUpdates = false
[advice]
	detachedHead = false
[gc]
	auto = 0
[maintenance]
	auto = false
[fetch]
	unpackLimit = 1000000000
[transfer]
	unpackLimit = 1000000000
[safe]
	directory = *
[http]
	lowSpeedLimit = 1
	lowSpeedTime = 300
`

const PROXIES = ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy']

function environment(): Record<string, string> {
  const names = ['PATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR', ...PROXIES, ...PROXIES.map((name) => name.toUpperCase())]
  const hosts = join(homedir(), '.ssh/known_hosts')
  return {
    ...Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
    HOME: '/dev/null',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    GIT_ALLOW_PROTOCOL: 'http:https:ssh:git',
    GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='${hosts}'`,
  }
}

/** The most that is kept of what git says. */
const WORDS = 4 << 20

async function tail(stream: ReadableStream<Uint8Array>): Promise<string> {
  let said = ''
  for await (const chunk of stream) said = (said + text(chunk)).slice(-WORDS)
  return said
}

/** The line that says why. */
function lastWords(err: string): string {
  const lines = err.split('\n').filter((line) => line.trim() !== '')
  return (lines.findLast((line) => /^(?:fatal|error|ERROR)/.test(line)) ?? lines.at(-1) ?? '').slice(0, 500)
}

function hintFor(err: string): { hint: string } | undefined {
  if (/host key verification/i.test(err))
    return { hint: 'add the host to ~/.ssh/known_hosts: ssh-keyscan prints its key' }
  if (/permission denied \(publickey/i.test(err)) return { hint: 'start an SSH agent with a key that the host knows' }
  if (/could not read username|authentication failed|terminal prompts disabled/i.test(err))
    return { hint: 'give --secret id=GIT_AUTH_TOKEN if it needs a login' }
  return undefined
}
