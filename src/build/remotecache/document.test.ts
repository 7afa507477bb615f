import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError, utf8 } from '#base'
import type { Digest } from '#oci'
import { digestText } from '../digest.ts'
import { cacheDocument, parseCacheDocument } from './document.ts'
import type { CacheContents } from './types.ts'

const layer = (n: number): Digest => digestText(`layer ${n}`)

function contents(stacks: readonly (readonly number[])[], base: readonly number[]): CacheContents {
  return {
    records: stacks.map((stack, i) => ({ key: digestText(`key ${i}`), stack: stack.map(layer) })),
    base: new Set(base.map(layer)),
    sizeOf: () => 7,
  }
}

const stacks = fc.array(fc.array(fc.nat(9), { maxLength: 6 }), { maxLength: 8 })

test('what is written is read, and only blobs that no base image brings are named', () => {
  fc.assert(
    fc.property(stacks, fc.array(fc.nat(9)), (lists, base) => {
      const given = contents(lists, base)
      const { document, blobs } = cacheDocument(given)
      const read = parseCacheDocument(utf8(JSON.stringify(document)), blobs.length)
      const records = new Map(read.records.map(({ key, stack }) => [key, stack.map((i) => read.layers[i]!.diffId)]))
      expect(records).toEqual(new Map(given.records.map(({ key, stack }) => [key, [...stack]])))
      for (const { diffId, blob } of read.layers)
        expect(blob === undefined ? given.base.has(diffId) : blobs[blob] === diffId).toBe(true)
    }),
  )
})

test('the order of records does not show', () => {
  const one = contents([[1, 2], [3]], [])
  expect(cacheDocument({ ...one, records: one.records.toReversed() })).toEqual(cacheDocument(one))
})

test('whatever else is there is refused, and nothing but refused', () => {
  const { document, blobs } = cacheDocument(
    contents(
      [
        [1, 2],
        [2, 3],
      ],
      [1],
    ),
  )
  const text = JSON.stringify(document)
  const attempts: [string, number][] = [
    ['', 0],
    ['null', 0],
    ['['.repeat(100_000), 0],
    [text, blobs.length - 1],
    [text.replace('"version":1', '"version":2'), blobs.length],
    [text.replace('"stack":[', '"stack":[99,'), blobs.length],
    [text.replace('"stack":[', '"stack":[-1,'), blobs.length],
    [text.replace('sha256:', 'md5:'), blobs.length],
  ]
  for (const [bytes, count] of attempts) expect(() => parseCacheDocument(utf8(bytes), count)).toThrow(CairnError)
  fc.assert(
    fc.property(fc.json(), fc.nat(text.length), fc.string(), (json, at, junk) => {
      for (const bytes of [json, text.slice(0, at) + junk + text.slice(at)]) {
        try {
          parseCacheDocument(utf8(bytes), 3)
        } catch (error) {
          expect(error).toBeInstanceOf(CairnError)
        }
      }
    }),
  )
})
