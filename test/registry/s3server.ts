import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { goTools, must } from '#testkit'
import { lackingCeph, startCeph } from './radosgw.ts'

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** A real server of S3's protocol that a test may start. */
export interface S3Program {
  readonly name: string
  /** Undefined, with the reason printed, where it cannot be had. */
  binary(): Promise<string | undefined>
  /** What serves an empty bucket under `root` on the port. */
  command(binary: string, root: string, port: number): Promise<S3Command>
}

interface S3Command {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Once it answers: makes the bucket, where that takes a request. */
  readonly ready?: (endpoint: string) => Promise<void>
  /** Ends what runs beside the program. */
  readonly stop?: () => Promise<void>
}

const BUCKET = 'registry'
const [KEY, SECRET] = ['test', 'test-secret'] as const

/** A gateway before a directory of files, with conditional writes. */
export const versitygw: S3Program = {
  name: 'versitygw',
  binary: async () => (await goTools('github.com/versity/versitygw', 'v1.8.0', ['cmd/versitygw']))?.[0],
  command: async (binary, root, port) => {
    const data = join(root, 'data')
    mkdirSync(join(data, BUCKET), { recursive: true })
    return {
      args: [binary, '--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', data],
      env: { ROOT_ACCESS_KEY: KEY, ROOT_SECRET_KEY: SECRET },
    }
  },
}

const SEAWEED = ['github.com/seaweedfs/seaweedfs', 'v0.0.0-20261109003541-7506e5f91cd6', ['weed']] as const

/**
 * A distributed store in one process. It takes up to ten minutes to build on two cores: only with
 * `CAIRN_S3=seaweedfs` in the environment.
 */
export const seaweedfs: S3Program = {
  name: 'seaweedfs',
  binary: async () => {
    const [module, version, packages] = SEAWEED
    if (process.env.CAIRN_S3 !== 'seaweedfs') return undefined
    return (await goTools(module, version, packages))?.[0]
  },
  command: async (binary, root, port) => {
    mkdirSync(join(root, 'data'))
    const identity = {
      name: 'test',
      credentials: [{ accessKey: KEY, secretKey: SECRET }],
      actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'],
    }
    writeFileSync(join(root, 's3.json'), JSON.stringify({ identities: [identity] }))
    const ports = ['master', 'volume', 'filer'].flatMap((part) => [`${part}.port`, `${part}.port.grpc`])
    const args = [
      binary,
      'server',
      `-dir=${root}/data`,
      '-ip=127.0.0.1',
      '-ip.bind=127.0.0.1',
      '-s3',
      `-s3.port=${port}`,
    ]
    args.push(`-s3.config=${root}/s3.json`, '-master.volumeSizeLimitMB=64', '-volume.max=100')
    for (const name of [...ports, 's3.port.grpc']) args.push(`-${name}=${await freePort()}`)
    return { args }
  },
}

/** Ceph's gateway with a cluster of its own behind it: only with `CAIRN_S3=radosgw` in the environment. */
export const radosgw: S3Program = {
  name: 'radosgw',
  binary: async () => {
    if (process.env.CAIRN_S3 !== 'radosgw') return undefined
    const missing = lackingCeph()
    if (missing.length > 0)
      throw new Error(`CAIRN_S3=radosgw needs Debian's radosgw, ceph-mon and ceph-osd: no ${missing.join(', ')}`)
    return 'radosgw'
  },
  command: async (_, root, port) => {
    const { args, stop } = await startCeph({ root, port, monitorPort: await freePort(), key: KEY, secret: SECRET })
    const empty = `x-amz-content-sha256: ${new Bun.CryptoHasher('sha256').digest('hex')}`
    const signed = ['-H', empty, '--aws-sigv4', 'aws:amz:us-east-1:s3', '--user', `${KEY}:${SECRET}`]
    const ready = async (endpoint: string): Promise<void> =>
      void (await must(['curl', '-sf', '-X', 'PUT', ...signed, `${endpoint}/${BUCKET}`]))
    return { args, ready, stop }
  },
}

/** Starts the program with one bucket, and waits until it answers. */
export async function startS3(program: S3Program, binary: string): Promise<S3Server> {
  // Extended attributes of users, which tmpfs may lack.
  const root = mkdtempSync('/var/tmp/cairn-s3-')
  const port = await freePort()
  const command = program.command(binary, root, port)
  const {
    args,
    env,
    ready,
    stop: stopRest,
  } = await command.catch((error: unknown) => {
    rmSync(root, { recursive: true, force: true })
    throw error
  })
  const child = Bun.spawn([...args], { env: { ...process.env, ...env }, stdout: 'ignore', stderr: 'ignore' })
  const endpoint = `http://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    child.kill()
    await child.exited
    await stopRest?.()
    rmSync(root, { recursive: true, force: true })
  }
  try {
    const until = Date.now() + 30_000
    while (!(await answers(endpoint))) {
      if (child.exitCode !== null) throw new Error(`${program.name} ended with ${child.exitCode}`)
      if (Date.now() > until) throw new Error(`${program.name} does not answer`)
      await Bun.sleep(20)
    }
    await ready?.(endpoint)
  } catch (error) {
    await stop()
    throw error
  }
  return { endpoint, bucket: BUCKET, accessKeyId: KEY, secretAccessKey: SECRET, [Symbol.asyncDispose]: stop }
}

function answers(endpoint: string): Promise<boolean> {
  return fetch(endpoint).then(
    () => true,
    () => false,
  )
}

/** A port that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : 0
}
