import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { checkRegistry } from '#registry/server'
import { lacking, skipReason, tempDir } from '#testkit'
import { startRegistry } from './server.ts'

test('our registry passes our suite, with nothing left out', async () => {
  await using registry = await startRegistry()
  const report = await checkRegistry(registry.url)
  expect(report.results.filter((r) => r.status !== 'pass')).toEqual([])
  expect(report.passed).toBeGreaterThan(25)
})

test('the suite finds what is wrong', async () => {
  using broken = Bun.serve({ port: 0, fetch: () => new Response('hello', { status: 200 }) })
  const report = await checkRegistry(broken.url.href)
  expect(report.failed).toBeGreaterThan(25)
  const wrong = report.results.find((r) => r.name.startsWith('push: a blob in one POST'))
  expect(wrong?.reason).toContain('expected status 201, got 200')
})

test('a registry that cannot be reached fails every check', async () => {
  const { failed, results } = await checkRegistry(`http://127.0.0.1:${await freePort()}`)
  expect(failed).toBe(results.length)
})

const OTHER = "the suite judges Debian's docker-registry"
const skip = skipReason(OTHER, lacking('docker-registry'))

test.skipIf(skip)(OTHER, async () => {
  using dir = tempDir()
  mkdirSync(join(dir.path, 'data'))
  const port = await freePort()
  const config = join(dir.path, 'config.yml')
  const storage = `{filesystem: {rootdirectory: ${dir.path}/data}, delete: {enabled: true}}`
  writeFileSync(config, `version: 0.1\nlog: {level: error}\nstorage: ${storage}\nhttp: {addr: '127.0.0.1:${port}'}\n`)
  const child = Bun.spawn(['docker-registry', 'serve', config], { stdout: 'ignore', stderr: 'ignore' })
  try {
    await answers(`http://127.0.0.1:${port}/v2/`)
    const report = await checkRegistry(`http://127.0.0.1:${port}`)
    // Known of it: no referrers API, no tag parameters, no tag deletion.
    expect(report.passed).toBeGreaterThan(12)
    expect(report.results.filter((r) => r.reason?.startsWith('no answer'))).toEqual([])
  } finally {
    child.kill()
    await child.exited
  }
})

async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : 0
}

async function answers(url: string): Promise<void> {
  const until = Date.now() + 20_000
  for (;;) {
    try {
      await fetch(url)
      return
    } catch (error) {
      if (Date.now() > until) throw error
      await Bun.sleep(20)
    }
  }
}
