import { expect, test } from 'bun:test'
import { appendFileSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '#testkit'
import type { EngineEvent } from '../types.ts'
import { follow } from './follow.ts'
import { createJournal } from './journal.ts'

const event = (id: string): Omit<EngineEvent, 'time'> => ({
  type: 'container',
  action: 'start',
  id,
  attributes: { name: 'web', note: 'x'.repeat(1000) },
})

async function idsOf(events: AsyncIterable<EngineEvent>): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of events) ids.push(id)
  return ids
}

test('what was before is told, what comes is told as it comes, and nothing twice, over new journals', async () => {
  using dir = tempDir()
  const directory = join(dir.path, 'events')
  const tell = createJournal(directory)
  tell(event('nobody listens'))
  expect(existsSync(directory)).toBe(false)
  expect(await idsOf(follow(directory, { since: 0, until: Date.now() }))).toEqual([])
  tell(event('0'))
  const over = new AbortController()
  const seen: string[] = []
  const following = (async () => {
    for await (const { id } of follow(directory, { since: 0 }, { signal: over.signal })) {
      seen.push(id)
      if (id === 'last') over.abort()
      // One at a time, each when the one before it has been seen: over a megabyte, and so over a new journal.
      else if (seen.length < 2500) tell(event(String(seen.length)))
      else tell(event('last'))
    }
  })()
  await following
  expect(seen).toEqual([...Array.from({ length: 2500 }, (_, i) => String(i)), 'last'])
  expect(readdirSync(directory).sort()).toEqual(['journal', 'journal.1', 'lock'])
  for (const name of ['journal', 'journal.1']) expect(statSync(join(directory, name)).size).toBeLessThan(1.2 * 2 ** 20)
})

test('from a time, until a time', async () => {
  using dir = tempDir()
  const tell = createJournal(dir.path)
  tell(event('early'))
  const [{ time }] = (await Array.fromAsync(follow(dir.path, { since: 0, until: Date.now() + 1 }))) as [EngineEvent]
  tell(event('late'))
  expect(await idsOf(follow(dir.path, { since: time + 0.001, until: Date.now() + 5 }))).toEqual(['late'])
  expect(await idsOf(follow(dir.path, { since: 0, until: time }))).toEqual(['early'])
  expect(await idsOf(follow(dir.path, { until: Date.now() }))).toEqual([])
})

test('an event that cannot be written is nobody’s failure; a long one loses its attributes', async () => {
  using dir = tempDir()
  writeFileSync(join(dir.path, 'file'), '')
  createJournal(join(dir.path, 'file'))(event('a'))
  const tell = createJournal(dir.path)
  tell({ ...event('b'), attributes: { label: 'x'.repeat(100_000) } })
  // As a full disk leaves it.
  appendFileSync(join(dir.path, 'journal'), '{"time":1,"ty\n')
  const [told, ...more] = await Array.fromAsync(follow(dir.path, { since: 0, until: Date.now() + 1 }))
  expect(told).toMatchObject({ id: 'b', attributes: {} })
  expect(more).toEqual([])
})
