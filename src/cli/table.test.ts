import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { insteadOf } from './absent.ts'
import { find, groups, membersOf } from './lookup.ts'
import { table } from './table.ts'
import { VERSION } from './version.ts'

test('every entry loads, and says the same in the list and in its help', async () => {
  for (const entry of table) {
    const command = await entry.load()
    expect({ name: entry.name, usage: typeof command.usage, summary: command.summary.length > 10 }).toEqual({
      name: entry.name,
      usage: 'string',
      summary: true,
    })
    const shorts = Object.values(command.options).flatMap((option) => option.short ?? [])
    expect({ name: entry.name, shorts: new Set(shorts).size }).toEqual({ name: entry.name, shorts: shorts.length })
    for (const refused of Object.keys(command.refused ?? {})) expect(command.options).not.toHaveProperty(refused)
  }
})

test('no name is given twice', () => {
  const names = table.flatMap((entry) => [entry.name, ...(entry.also ?? [])])
  expect(new Set(names).size).toBe(names.length)
})

test('docker’s management forms are found', () => {
  expect(find(['container', 'ls', '-a'])).toMatchObject({ entry: { name: 'ps' }, length: 2 })
  expect(find(['ps', '-a'])).toMatchObject({ entry: { name: 'ps' }, length: 1 })
  expect(find(['image'])).toBeUndefined()
  const known = [
    'artifact',
    'builder',
    'buildx',
    'cache-mount',
    'container',
    'image',
    'index',
    'lock',
    'manifest',
    'network',
    'registry',
    'system',
    'volume',
  ]
  expect(groups()).toEqual(known)
  expect(membersOf('volume').map(({ name }) => name)).toContain('prune')
})

test('the version is the package’s', () => {
  const path = join(import.meta.dir, '../../package.json')
  expect(VERSION).toBe((JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version)
})

test('what is said to be absent is', () => {
  for (const words of ['context', 'network connect', 'network rm', 'volume update'].map((name) => name.split(' '))) {
    expect(insteadOf(words)).toBeDefined()
    expect(find(words)).toBeUndefined()
  }
  for (const { name, also = [] } of table)
    for (const known of [name, ...also])
      expect({ known, instead: insteadOf(known.split(' ')) }).toEqual({ known, instead: undefined })
})
