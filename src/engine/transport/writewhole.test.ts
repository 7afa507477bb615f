import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, utf8 } from '#base'
import { tryLock } from '#sys'
import { failure, tempDir } from '#testkit'
import { writeWhole } from './writewhole.ts'

test('what killed processes left goes, what is still written stays', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'out.tar')
  const [killed, writing, another] = [`${path}.partial-${process.pid}`, `${path}.partial-1`, `${path}.partial-x`]
  for (const file of [killed, writing, another]) writeFileSync(file, 'longer than what is written now')
  using _ = tryLock(writing)
  await writeWhole(path, chunks('whole'))
  expect(readFileSync(path, 'utf8')).toBe('whole')
  expect(readdirSync(dir.path).toSorted()).toEqual(['out.tar', 'out.tar.partial-1', 'out.tar.partial-x'])
})

test('two at once: each is whole, the last one stays', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'out.tar')
  const script = `import { writeWhole } from '${join(import.meta.dir, 'writewhole.ts')}'
    await writeWhole('${path}', (async function* () { console.log('writing'); for await (const _ of Bun.stdin.stream()); yield Buffer.from('first') })())`
  await using first = Bun.spawn([process.execPath, '-e', script], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
  for await (const _ of first.stdout) break
  await writeWhole(path, chunks('second'))
  expect(readFileSync(path, 'utf8')).toBe('second')
  await first.stdin.end()
  expect(await first.exited).toBe(0)
  expect(readFileSync(path, 'utf8')).toBe('first')
  expect(readdirSync(dir.path)).toEqual(['out.tar'])
})

test('a source that fails leaves what was there', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'out.tar')
  writeFileSync(path, 'before')
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield utf8('half')
    fail('unavailable', 'no more')
  }
  await failure(writeWhole(path, failing()), 'unavailable')
  expect(readFileSync(path, 'utf8')).toBe('before')
  expect(readdirSync(dir.path)).toEqual(['out.tar'])
})

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield utf8(text)
}
