import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fail } from '#base'

/**
 * A Unix socket behind which a command speaks HTTP on its standard input and output: each connection
 * starts the command once. `ssh HOST cairn serve --stdio` makes another machine a registry this way.
 */
export interface Tunnel extends AsyncDisposable {
  /** To be dialled: `machineConnect(host, { socket })`. */
  readonly socket: string
}

/** Connections that wait to be accepted; a copy has a handful. */
const BACKLOG = 64

/** Opens the tunnel. What the command says on stderr is the user's to see. */
export async function openTunnel(command: readonly string[]): Promise<Tunnel> {
  const [program, ...args] = command
  if (program === undefined) fail('invalid_argument', 'a tunnel needs a command')
  // 0700: nobody else gets to dial.
  const directory = await mkdtemp(join(tmpdir(), 'cairn-tunnel-'))
  const path = join(directory, 'socket')
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => undefined)
    relay(socket, program, args).catch(() => socket.destroy())
  })
  server.listen(path, BACKLOG)
  await once(server, 'listening')
  return {
    socket: path,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The standard input and output of this process, joined to a listening server: the far end of a tunnel. */
export async function bridgeStdio(target: NetConnectOpts): Promise<void> {
  const socket = connect({ allowHalfOpen: true, ...target })
  await once(socket, 'connect')
  await Promise.all([pipeline(process.stdin, socket), pipeline(socket, process.stdout)])
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

async function relay(socket: Socket, program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  socket.on('close', () => child.kill())
  child.on('error', () => socket.destroy())
  await Promise.all([pipeline(socket, child.stdin), pipeline(child.stdout, socket)])
}
