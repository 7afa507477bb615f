import { closeSync, openSync } from 'node:fs'
import { fail } from '#base'
import { close, pipe } from '#sys'
import { findProgram } from '../program.ts'
import type { Netns } from './netns.ts'
import type { PortMapping } from './types.ts'

/** slirp4netns's own, the same in every namespace: no container sees another's. */
export const USER_MODE = { ipv4: '10.0.2.100', prefix: 24, gateway: '10.0.2.2', nameserver: '10.0.2.3' } as const

const OPTIONS = [
  '--configure',
  '--mtu=65520',
  '--disable-host-loopback',
  '--enable-ipv6',
  '--exit-fd=3',
  '--ready-fd=4',
] as const

/**
 * A network for whoever has no say in the host's: a process of the user's reads the container's packets and speaks for
 * it with sockets of its own. It ends when the last holder of `lifeline` has ended.
 */
export interface UserModeNetwork extends Disposable {
  readonly netns: Netns
  /** To be inherited by whoever the network has to live as long as. */
  readonly lifeline: number
}

export interface UserModeOptions {
  /** A directory of the container's own, for the socket by which ports are asked for. */
  readonly dir: string
  readonly ports: readonly PortMapping[]
}

/** Makes the namespace and connects it; `unavailable` when a port is taken. */
export async function openUserModeNetwork({ dir, ports }: UserModeOptions): Promise<UserModeNetwork> {
  const program = findProgram('slirp4netns') ?? missing()
  const netns = await namespaceOfChild()
  const [lifeline, ready] = [pipe(), pipe()]
  const end = (): void => {
    close(lifeline.write)
    netns[Symbol.dispose]()
  }
  try {
    const child = Bun.spawn(
      [program, ...OPTIONS, `--api-socket=${SOCKET}`, '--netns-type=path', netns.path, 'tap0'],
      // Its namespace is reached through this process, so not detached from it before it is ready.
      { stdio: ['ignore', 'ignore', 'pipe', lifeline.read, ready.write], detached: true, cwd: dir },
    )
    for (const fd of [lifeline.read, ready.write]) close(fd)
    child.unref()
    const told = await new Response(Bun.file(ready.read).stream()).text()
    close(ready.read)
    if (told === '') fail('failed_precondition', `no network: ${oneLine(await new Response(child.stderr).text())}`)
    await publish(dir, ports)
  } catch (error) {
    end()
    throw error
  }
  return { netns, lifeline: lifeline.write, [Symbol.dispose]: end }
}

function missing(): never {
  return fail('failed_precondition', 'the network of a user who is not root needs slirp4netns', {
    hint: 'apt-get install slirp4netns, or use --network host or none',
  })
}

/**
 * A new network namespace by way of a child: this process could not go back to the host's own, of which root of a user
 * namespace is not the owner.
 */
async function namespaceOfChild(): Promise<Netns> {
  const unshare =
    findProgram('unshare') ??
    fail('failed_precondition', 'unshare is not installed', { hint: 'apt-get install util-linux' })
  const child = Bun.spawn([unshare, '--net', 'sh', '-c', 'echo; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    if ((await child.stdout.getReader().read()).done) fail('failed_precondition', 'no network namespace can be made')
    const fd = openSync(`/proc/${child.pid}/ns/net`, 'r')
    return { fd, path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) }
  } finally {
    child.kill(9)
    await child.exited
  }
}

/** In the container's directory, whose own path may be too long for a socket's. */
const SOCKET = 'slirp4netns.sock'

async function publish(dir: string, ports: readonly PortMapping[]): Promise<void> {
  const fd = openSync(dir, 'r')
  try {
    for (const port of ports) await publishOne(`/proc/self/fd/${fd}/${SOCKET}`, port)
  } finally {
    closeSync(fd)
  }
}

/** One request, one answer: slirp4netns(1), "API SOCKET". */
async function publishOne(socket: string, { hostIp, hostPort, containerPort, protocol }: PortMapping): Promise<void> {
  if (protocol === 'sctp') fail('unimplemented', 'SCTP ports cannot be published by a user who is not root')
  const request = {
    execute: 'add_hostfwd',
    arguments: {
      proto: protocol,
      host_addr: hostIp === '' ? '0.0.0.0' : hostIp,
      host_port: hostPort,
      guest_addr: USER_MODE.ipv4,
      guest_port: containerPort,
    },
  }
  const answer = JSON.parse(await ask(socket, JSON.stringify(request))) as { error?: { desc?: string } }
  if (answer.error)
    fail('unavailable', `port ${hostPort}/${protocol} cannot be published: ${answer.error.desc ?? 'refused'}`, {
      hint: hostPort < 1024 ? 'ports below 1024 are root’s: take a higher one' : 'take another port',
    })
}

function ask(socket: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const client = process.getBuiltinModule('node:net').connect(socket, () => client.end(request))
    client.setEncoding('utf8')
    client.on('data', (text: string) => (answer += text))
    client.on('end', () => resolve(answer))
    client.on('error', reject)
  })
}

function oneLine(text: string): string {
  return text.trim().replaceAll('\n', '; ') || 'slirp4netns ended'
}
