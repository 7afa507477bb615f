import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type NetConnectOpts, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { concat, fail, utf8 } from '#base'
import { ownerTag, tagIsAlive } from '#content'
import { Mux } from './mux.ts'

/**
 * A Unix socket behind which a command serves HTTP over its standard input and output, every connection over the one
 * command. `ssh HOST cairn serve --stdio` makes another machine a registry this way.
 */
export interface Tunnel extends AsyncDisposable {
  /** To be dialled: `machineConnect(host, { socket })`. */
  readonly socket: string
}

/** What the far end says first: whatever else a shell over there prints is not taken for it. */
const GREETING = 'cairn-stdio 1\n'
/** Bytes of anything else before we give up. */
const NOISE_LIMIT = 64 << 10
const PREFIX = 'cairn-tunnel-'
/** Connections that wait to be accepted; a copy has a handful. */
const BACKLOG = 64

/**
 * Opens the tunnel. What the command says on stderr is the user's to see. `unavailable` when it does not serve. A command
 * that ends later is started again for the next connection: what was being sent goes on where it was.
 */
export async function openTunnel(command: readonly string[]): Promise<Tunnel> {
  let far: Promise<FarEnd> | undefined = startFarEnd(command)
  await far
  const accept = async (socket: Socket): Promise<void> => {
    socket.on('error', () => undefined)
    const before = await far?.catch(() => undefined)
    if (!before || before.ended()) far = startFarEnd(command)
    await far!.then(({ mux }) => mux.open(socket)).catch(() => socket.destroy())
  }
  const directory = await tunnelDirectory()
  const path = join(directory, 'socket')
  let turn: Promise<void> = Promise.resolve()
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    // One after the other: of many that find the command ended, the first starts it.
    turn = turn.then(() => accept(socket))
  })
  server.listen(path, BACKLOG)
  await once(server, 'listening')
  return {
    socket: path,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await turn
      await (await far?.catch(() => undefined))?.stop()
      await closed
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A directory for a socket that nobody else gets to dial (0700). Those of killed processes go. */
export async function tunnelDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${PREFIX}${ownerTag()}-`))
  await sweep()
  return directory
}

/** Removes the directories of tunnels whose process was killed. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir()))
    if (name.startsWith(PREFIX) && tagIsAlive(name.slice(PREFIX.length)) === false)
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined)
}

interface FarEnd {
  readonly mux: Mux
  ended(): boolean
  stop(): Promise<void>
}

async function startFarEnd([program, ...args]: readonly string[]): Promise<FarEnd> {
  if (program === undefined) fail('invalid_argument', 'a tunnel needs a command')
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()).on('error', () => resolve()))
  const input = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  const rest = await greeted(input).catch(() => undefined)
  if (!rest) {
    child.kill()
    await closed
    fail('unavailable', `${program} gave no connection${exitOf(child)}`, {
      hint: 'is cairn installed over there, and on the PATH of a login without a terminal?',
    })
  }
  const mux = new Mux(child.stdin)
  let ended = false
  const received = mux
    .receive(continued(rest, input))
    .catch(() => child.kill())
    .finally(() => (ended = true))
  return {
    mux,
    ended: () => ended,
    stop: async () => {
      mux.close()
      child.stdin.end()
      await Promise.all([closed, received])
    },
  }
}

/** The far end: joins the connections that come on `input` to a listening server. Resolves when `input` ends. */
export async function bridge(input: Readable, output: Writable, target: NetConnectOpts): Promise<void> {
  output.write(GREETING)
  await new Mux(output, target).receive(input)
}

/** `ssh://[user@]host[:port]` as a command line that runs `remote` there. */
export function sshCommand(
  address: string,
  remote: readonly string[] = ['cairn', 'serve', '--stdio'],
): readonly string[] {
  const match =
    /^ssh:\/\/(?:([A-Za-z0-9._][A-Za-z0-9._-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?(?:\/|$)/.exec(
      address,
    )
  if (!match)
    return fail('invalid_argument', `not an SSH address: ${JSON.stringify(address.slice(0, 200))}`, {
      hint: 'write ssh://[user@]host[:port]/repository',
    })
  const [, user, host = '', port] = match
  const bare = host.replace(/^\[|\]$/g, '')
  // Neither part can begin with a dash: no option of ssh comes out of an address.
  return ['ssh', '-T', ...(port ? ['-p', port] : []), user ? `${user}@${bare}` : bare, ...remote]
}

/** The same with CAIRN_SSH instead of `ssh`, as GIT_SSH does for git: a wrapper with options of its own. */
export function sshProgram(address: string, remote?: readonly string[]): readonly string[] {
  const [program, ...rest] = sshCommand(address, remote)
  return [process.env.CAIRN_SSH || program!, ...rest]
}

/** Reads up to the greeting; what followed it already, or undefined where it does not come. */
async function greeted(input: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const wanted = utf8(GREETING).length
  let seen: Uint8Array = new Uint8Array()
  while (seen.length < NOISE_LIMIT) {
    const next = await input.next()
    if (next.done) return undefined
    seen = concat([seen, next.value])
    // Latin-1 keeps bytes and letters in step.
    const at = Buffer.from(seen).toString('latin1').indexOf(GREETING)
    if (at >= 0) return seen.slice(at + wanted)
  }
  return undefined
}

async function* continued(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  if (first.length > 0) yield first
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
}

function exitOf({ exitCode, signalCode }: ChildProcess): string {
  if (exitCode !== null) return `: it ended with ${exitCode}`
  return signalCode === null ? '' : `: it was ended by ${signalCode}`
}
