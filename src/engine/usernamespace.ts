import { chmodSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CairnError, fail, isCode } from '#base'
import { findProgram } from '#runtime'
import { lock, processAlive, processStartTime } from '#sys'
import { sessionDirectory, userRun } from './paths.ts'

/** What keeps a user's namespace: a process that sleeps in it. */
interface Holder {
  readonly pid: number
  readonly start: number
}

/**
 * Goes on as root of the user's own user namespace, in which containers can be made: one namespace a user, so that every
 * command reaches the containers of the others. It is made on first use (10 ms) and joined afterwards (2 ms); a process
 * that sleeps holds it until the user's session ends. This process becomes the new one: it does not return.
 */
export async function becomeRoot(): Promise<never> {
  const nsenter = program('nsenter', 'util-linux')
  privateDirectory(sessionDirectory())
  const run = privateDirectory(userRun())
  using held = await lock(join(run, 'holder.lock'))
  const { pid } = livingHolder(run) ?? (await startHolder(run))
  held.release()
  const argv = [nsenter, '--preserve-credentials', '--user', `--target=${pid}`, '--', ...ownCommandLine()]
  // Bun's execve leaves nothing of this process; what is written so far has been written.
  process.execve!(nsenter, argv, { ...process.env, XDG_RUNTIME_DIR: sessionDirectory() })
  throw new CairnError('internal', 'execve returned')
}

/** Why this user can have no namespace of their own, when that is so: for `doctor`. */
export function whyNotRootless(): CairnError | undefined {
  try {
    for (const name of ['unshare', 'nsenter']) program(name, 'util-linux')
    program('newuidmap', 'uidmap')
    subordinateIds()
    userNamespace()
    return undefined
  } catch (error) {
    if (isCode(error, 'failed_precondition')) return error
    throw error
  }
}

function livingHolder(run: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(join(run, 'holder.json'), 'utf8')) as Holder
    return processAlive(holder.pid, holder.start) ? holder : undefined
  } catch {
    return undefined
  }
}

async function startHolder(run: string): Promise<Holder> {
  const failure = whyNotRootless()
  if (failure) throw failure
  const child = Bun.spawn(
    [
      program('unshare', 'util-linux'),
      '--user',
      '--map-auto',
      '--map-root-user',
      'sh',
      '-c',
      'echo; exec sleep infinity',
    ],
    // A session of its own: what a terminal sends to the command is not for it.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: '/' },
  )
  const started = await Promise.race([
    child.stdout
      .getReader()
      .read()
      .then(({ done }) => !done),
    child.exited.then(() => false),
  ])
  if (!started) {
    // A failed unshare leaves the child behind that was to write the IDs, and with it both pipes open (util-linux 2.38).
    killGroup(child.pid)
    throw refused(await new Response(child.stderr).text())
  }
  child.unref()
  const holder = { pid: child.pid, start: processStartTime(child.pid) ?? 0 }
  writeFileSync(join(run, 'holder.json'), JSON.stringify(holder), { mode: 0o600 })
  return holder
}

function program(name: string, pack: string): string {
  return (
    findProgram(name) ??
    fail('failed_precondition', `not root, and without ${name} there is no other way`, {
      hint: `apt-get install ${pack}, or run it as root: sudo cairn …`,
    })
  )
}

/** A user namespace with one ID alone holds no image: its files belong to many. */
function subordinateIds(): void {
  const uid = process.getuid!()
  // Users may be known to a directory alone, which only the C library asks.
  const username = Bun.spawnSync(['id', '-un']).stdout.toString().trim() || String(uid)
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    const lines = readIfThere(file).split('\n')
    if (!lines.some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`)))
      fail('failed_precondition', `not root, and ${file} gives ${username} no IDs for containers`, {
        hint: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}, or run it as root: sudo cairn …`,
      })
  }
}

/** Kernels and their administrators may refuse user namespaces; asking costs 2 ms, before the first one alone. */
function userNamespace(): void {
  const { exitCode, stderr } = Bun.spawnSync([program('unshare', 'util-linux'), '--user', '--map-root-user', 'true'])
  if (exitCode !== 0) throw refused(stderr.toString())
}

function refused(why: string): CairnError {
  return new CairnError('failed_precondition', `not root, and no user namespace can be made: ${why.trim()}`, {
    hint: 'allow them (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces), or run it as root: sudo cairn …',
  })
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // It left nobody.
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** A directory that nobody else can have put there. */
function privateDirectory(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const found = lstatSync(path)
  if (!found.isDirectory() || found.uid !== process.getuid!())
    fail('permission_denied', `${path} belongs to somebody else`, {
      hint: 'set XDG_RUNTIME_DIR to a directory of yours',
    })
  chmodSync(path, 0o700)
  return path
}

/** This very command line. */
function ownCommandLine(): string[] {
  const [, script, ...rest] = process.argv
  const compiled = script === undefined || script.startsWith('/$bunfs/')
  return [process.execPath, ...(compiled ? [] : [script]), ...rest]
}
