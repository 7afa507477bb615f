import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fail, messageOf } from '#base'
import { sshProgram, tunnelDirectory } from '../registry/stdio/tunnel.ts'

/** A Docker daemon, ready to be asked over HTTP. */
export interface DaemonHost extends AsyncDisposable {
  /** What its paths are appended to. */
  readonly base: string
  readonly unix?: string
  readonly tls?: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly rejectUnauthorized?: false
  }
  /** For messages. */
  readonly name: string
}

/** Where a daemon is said to be, and the directory of its `ca.pem`, `cert.pem` and `key.pem` where it speaks TLS. */
interface Said {
  readonly host: string
  readonly certificates?: string
  readonly trusting?: boolean
}

type Env = Readonly<Record<string, string | undefined>>

/**
 * The daemon that the docker command line would ask: DOCKER_HOST, else the context of DOCKER_CONTEXT or of Docker's
 * configuration, else the socket. `ssh://` starts `docker system dial-stdio` over there.
 */
export async function openDaemonHost(env: Env = process.env): Promise<DaemonHost> {
  const { host, certificates, trusting } = said(env)
  const nothing = { [Symbol.asyncDispose]: async (): Promise<void> => undefined }
  if (host.startsWith('unix://')) {
    const unix = host.slice('unix://'.length)
    return { base: 'http://docker', unix, name: unix, ...nothing }
  }
  if (host.startsWith('ssh://')) {
    const socket = await relay(sshProgram(host, ['docker', 'system', 'dial-stdio']))
    return { base: 'http://docker', unix: socket.path, name: host, [Symbol.asyncDispose]: () => socket.close() }
  }
  const tcp = /^(?:tcp|http|https):\/\/([^/?#@\s]+)\/?$/.exec(host)?.[1]
  if (tcp === undefined)
    return fail('unimplemented', `no Docker daemon can be asked at ${JSON.stringify(host.slice(0, 200))}`, {
      hint: 'known are unix://, tcp:// and ssh://',
    })
  if (certificates === undefined) return { base: `http://${tcp}`, name: host, ...nothing }
  const file = (name: string): string | undefined => read(join(certificates, name))
  const [ca, cert, key] = [file('ca.pem'), file('cert.pem'), file('key.pem')]
  if ((cert === undefined) !== (key === undefined))
    fail('not_found', `${certificates} has one of cert.pem and key.pem alone`)
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(trusting ? { rejectUnauthorized: false as const } : {}),
  }
  return { base: `https://${tcp}`, tls, name: host, ...nothing }
}

function said(env: Env): Said {
  const config = env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker')
  const { DOCKER_HOST: host, DOCKER_TLS_VERIFY: verify, DOCKER_CERT_PATH: path } = env
  if (host) return { host, ...(verify ? { certificates: path || config } : {}) }
  const context = env['DOCKER_CONTEXT'] || currentContext(config)
  if (context === undefined || context === 'default') return { host: 'unix:///var/run/docker.sock' }
  return contextHost(config, context)
}

function currentContext(config: string): string | undefined {
  const found = json(join(config, 'config.json'))?.['currentContext']
  return typeof found === 'string' && found !== '' ? found : undefined
}

/** Docker keeps a context under the SHA-256 of its name. */
function contextHost(config: string, context: string): Said {
  const hex = createHash('sha256').update(context).digest('hex')
  const meta = json(join(config, 'contexts/meta', hex, 'meta.json'))
  const docker = (meta?.['Endpoints'] as Record<string, Record<string, unknown> | undefined> | undefined)?.['docker']
  const host = docker?.['Host']
  if (typeof host !== 'string' || host === '')
    return fail('not_found', `the Docker context ${JSON.stringify(context)} names no daemon`, {
      hint: "see 'docker context ls'",
    })
  const certificates = join(config, 'contexts/tls', hex, 'docker')
  return {
    host,
    ...(existsSync(certificates) ? { certificates } : {}),
    ...(docker?.['SkipTLSVerify'] === true ? { trusting: true } : {}),
  }
}

function json(path: string): Record<string, unknown> | undefined {
  const text = read(path)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (error) {
    fail('invalid_argument', `${path} is not JSON: ${messageOf(error)}`)
  }
  return fail('invalid_argument', `${path} is no JSON object`)
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** A socket of which every connection is a command's standard input and output. */
async function relay([program, ...args]: readonly string[]): Promise<{
  readonly path: string
  close(): Promise<void>
}> {
  const directory = await tunnelDirectory()
  const path = join(directory, 'socket')
  const open = new Set<() => void>()
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const end = (): void => {
      socket.destroy()
      child.kill()
    }
    open.add(end)
    for (const part of [socket, child, child.stdin, child.stdout]) part.on('error', end)
    child.on('close', () => {
      open.delete(end)
      socket.end()
    })
    socket.pipe(child.stdin)
    child.stdout.pipe(socket)
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    path,
    close: async () => {
      for (const end of open) end()
      server.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
