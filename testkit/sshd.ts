import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { must } from './tools.ts'

/** A real SSH server on a port of its own that knows one key, gone when the scope ends. */
export interface Sshd extends AsyncDisposable {
  readonly port: number
  /** A program that is called like `ssh` and knows the key and the host. */
  readonly client: string
}

const SSHD = '/usr/sbin/sshd'

/** Why there can be no SSH server here, or undefined. */
export function lackingSshd(): string | undefined {
  return existsSync(SSHD) && Bun.which('ssh') ? undefined : 'needs openssh-server and ssh'
}

/** Whoever logs in is the current user, and `cairn` is `command`: a line of shell that gets the arguments. */
export async function startSshd(command: string): Promise<Sshd> {
  // sshd asks that nobody else can write anywhere above its keys, which /tmp is not.
  const dir = mkdtempSync('/var/lib/cairn-sshd-')
  const port = await freePort()
  for (const name of ['host', 'user'])
    await must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(dir, name)])
  await must(['cp', join(dir, 'user.pub'), join(dir, 'authorized')])
  mkdirSync(join(dir, 'bin'))
  mkdirSync('/run/sshd', { recursive: true })
  program(join(dir, 'bin/cairn'), `exec ${command} "$@"`)
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(dir, 'host')}`,
    `AuthorizedKeysFile ${join(dir, 'authorized')}`,
    `PidFile ${join(dir, 'pid')}`,
    'UsePAM no',
    'PasswordAuthentication no',
    `SetEnv PATH=${join(dir, 'bin')}:/usr/bin:/bin`,
  ]
  writeFileSync(join(dir, 'config'), config.join('\n'))
  const client = join(dir, 'ssh')
  const options = `-i ${join(dir, 'user')} -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new`
  program(client, `exec ssh -F none ${options} -o UserKnownHostsFile=${join(dir, 'known')} "$@"`)
  const child = Bun.spawn([SSHD, '-D', '-e', '-f', join(dir, 'config')], { stdin: 'ignore', stderr: 'pipe' })
  const stop = async (): Promise<void> => {
    child.kill()
    await child.exited
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await listening(child.stderr)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, client, [Symbol.asyncDispose]: stop }
}

function program(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`)
  chmodSync(path, 0o755)
}

/** sshd takes no port 0: one that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return typeof address === 'object' && address ? address.port : 0
}

/** Reads the log until it says that it listens, then keeps reading so that the pipe never fills. */
async function listening(log: ReadableStream<Uint8Array>): Promise<void> {
  const reader = log.getReader()
  let seen = ''
  while (!seen.includes('Server listening')) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`sshd ended: ${seen.slice(-500)}`)
    seen += new TextDecoder().decode(value)
  }
  void (async () => {
    while (!(await reader.read()).done);
  })().catch(() => undefined)
}
