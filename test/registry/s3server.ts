import { createServer } from 'node:net'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { goTools } from '#testkit'

/** A gateway that serves a directory by S3's protocol, with conditional writes: a real server, in Go. */
const MODULE = 'github.com/versity/versitygw'
const VERSION = 'v1.8.0'

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The gateway's binary; undefined, with the reason printed, when Go cannot build it. */
export async function s3Binary(): Promise<string | undefined> {
  return (await goTools(MODULE, VERSION, ['cmd/versitygw']))?.[0]
}

/** Starts the gateway over an empty directory with one bucket. */
export async function startS3(binary: string): Promise<S3Server> {
  // Extended attributes of users, which tmpfs may lack.
  const root = mkdtempSync('/var/tmp/cairn-s3-')
  mkdirSync(join(root, 'data/registry'), { recursive: true })
  const port = await freePort()
  const [accessKeyId, secretAccessKey] = ['test', 'test-secret']
  const child = Bun.spawn(
    [binary, '--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', join(root, 'data')],
    {
      env: { ...process.env, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
      stdout: 'ignore',
      stderr: 'ignore',
    },
  )
  const endpoint = `http://127.0.0.1:${port}`
  const until = Date.now() + 20_000
  while (
    !(await fetch(endpoint).then(
      () => true,
      () => false,
    ))
  ) {
    if (Date.now() > until) throw new Error('the S3 server does not answer')
    await Bun.sleep(20)
  }
  return {
    endpoint,
    bucket: 'registry',
    accessKeyId,
    secretAccessKey,
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await child.exited
      rmSync(root, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : 0
}
