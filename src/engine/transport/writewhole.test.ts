import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '#base'
import { tempDir } from '#testkit'
import { writeWhole } from './writewhole.ts'

test('what a killed process of the same number left is in nobody’s way', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'out.tar')
  writeFileSync(`${path}.partial-${process.pid}`, 'longer than what is written now')
  await writeWhole(path, chunks('whole'))
  expect(readFileSync(path, 'utf8')).toBe('whole')
  expect(readdirSync(dir.path)).toEqual(['out.tar'])
})

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield utf8(text)
}
