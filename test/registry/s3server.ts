import { createServer } from 'node:net'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '#testkit'

/** A gateway that serves a directory by S3's protocol, with conditional writes: a real server, in Go. */
const MODULE = 'github.com/versity/versitygw'
const VERSION = 'v1.8.0'

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The gateway's binary: built once per machine (90 s) and kept. Undefined, with the reason printed, when Go cannot. */
export async function s3Binary(): Promise<string | undefined> {
  const cache = process.env.CAIRN_FIXTURES ?? join(tmpdir(), 'cairn-fixtures')
  const path = join(cache, `versitygw-${VERSION}`)
  if (existsSync(path)) return path
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, '.making-'))
  try {
    writeFileSync(join(work, 'go.mod'), 'module tool\n\ngo 1.24\n')
    writeFileSync(join(work, 'tool.go'), `//go:build tool\n\npackage tool\n\nimport _ "${MODULE}/cmd/versitygw"\n`)
    const go = (...args: string[]): Promise<string> => must(['go', ...args], { cwd: work, timeoutMs: 600_000 })
    await go('get', `${MODULE}@${VERSION}`)
    await go('mod', 'tidy')
    await go('build', '-o', join(work, 'binary'), `${MODULE}/cmd/versitygw`)
    renameSync(join(work, 'binary'), path)
    return path
  } catch (error) {
    console.log(`skipped: the S3 server cannot be built here: ${String(error).slice(0, 300)}`)
    return undefined
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
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
