import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from './tools.ts'

/** Debian's docker-registry on a port of its own, gone when the scope ends. */
export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:41234` */
  readonly host: string
  readonly port: number
  readonly pid: number
  /** PEM file of the certificate it shows, which is its own CA. */
  readonly ca?: string
}

export interface DockerRegistryOptions {
  readonly tls?: boolean
  /** Also ask clients for a certificate signed by the server's own. */
  readonly clientCertificate?: boolean
  readonly users?: Readonly<Record<string, string>>
  /** Where its own directory is made. Default: where temporary files go. */
  readonly parent?: string
}

/** A self-signed certificate for the loopback: paths of PEM files. */
export async function selfSigned(
  directory: string,
  name = 'server',
): Promise<{ readonly cert: string; readonly key: string }> {
  const cert = join(directory, `${name}.crt`)
  const key = join(directory, `${name}.key`)
  await must([
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout',
    key,
    '-out',
    cert,
  ])
  return { cert, key }
}

export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const root = mkdtempSync(join(options.parent ?? tmpdir(), 'cairn-registry-'))
  const tls = options.tls ? await selfSigned(root) : undefined
  const auth = options.users ? await htpasswd(root, options.users) : undefined
  const config = join(root, 'config.yml')
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'info', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(root, 'data') }, delete: { enabled: true } },
      http: {
        addr: '127.0.0.1:0',
        ...(tls
          ? {
              tls: {
                certificate: tls.cert,
                key: tls.key,
                ...(options.clientCertificate ? { clientcas: [tls.cert] } : {}),
              },
            }
          : {}),
      },
      ...(auth ? { auth: { htpasswd: { realm: 'test', path: auth } } } : {}),
    }),
  )
  const child = Bun.spawn(['docker-registry', 'serve', config], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await child.exited
    rmSync(root, { recursive: true, force: true })
  }
  try {
    const port = await listeningPort(child.stderr)
    return {
      host: `127.0.0.1:${port}`,
      port,
      pid: child.pid,
      ...(tls ? { ca: tls.cert } : {}),
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function htpasswd(root: string, users: Readonly<Record<string, string>>): Promise<string> {
  const path = join(root, 'htpasswd')
  const lines = await Promise.all(
    Object.entries(users).map(async ([user, password]) => {
      const hash = await Bun.password.hash(password, { algorithm: 'bcrypt', cost: 4 })
      return `${user}:${hash.replace('$2b$', '$2y$')}\n`
    }),
  )
  writeFileSync(path, lines.join(''))
  return path
}

/** Reads the log until it tells the port, then keeps reading so that the pipe never fills. */
async function listeningPort(log: ReadableStream<Uint8Array>): Promise<number> {
  const reader = log.getReader()
  const decoder = new TextDecoder()
  let seen = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`docker-registry ended: ${seen.slice(-500)}`)
    seen += decoder.decode(value, { stream: true })
    const match = /listening on [^ "]*:(\d+)/.exec(seen)
    if (!match) continue
    void (async () => {
      while (!(await reader.read()).done);
    })().catch(() => undefined)
    return Number(match[1])
  }
}
