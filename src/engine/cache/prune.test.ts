import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Digest } from '#oci'
import type { CacheContents, Kept } from './entries.ts'
import { choose } from './prune.ts'
import type { CachePruning } from './types.ts'

const digest = (name: string): Digest => `sha256:${name}`

/** A chain of steps a < b < c …, each adding a layer of its size; the last used first in `kept`. */
function contents(sizes: readonly number[], more: readonly Partial<Kept['entry']>[] = []): CacheContents {
  const layers = sizes.map((_, i) => digest(String(i)))
  const kept = sizes.map((size, i): Kept => ({
    keys: [digest(`key${i}`)],
    layers: layers.slice(0, i + 1),
    entry: {
      id: String(i),
      type: 'regular',
      description: `step ${i}`,
      size,
      created: 0,
      used: 1000 - i,
      inUse: false,
      shared: false,
      parents: i === 0 ? [] : [String(i - 1)],
      ...more[i],
    },
  }))
  return { kept, sizes: new Map(layers.map((layer, i) => [layer, sizes[i]!])) }
}

const ids = (pruning: CachePruning, from = contents([10, 20, 30]), free = 0): string[] =>
  choose(from, pruning, free).map(({ entry }) => entry.id)

test('everything, by age, by number, by filter', () => {
  expect(ids({})).toEqual(['2', '1', '0'])
  expect(ids({ unusedSince: 999 })).toEqual(['2'])
  expect(ids({ keepLast: 2 })).toEqual(['2'])
  expect(ids({ filter: (entry) => entry.id === '1' })).toEqual(['1'])
})

test('by size: the longest unused go until the rest fits, but not below what is reserved', () => {
  expect(ids({ maxUsed: 60 })).toEqual([])
  expect(ids({ maxUsed: 59 })).toEqual(['2'])
  expect(ids({ maxUsed: 20 })).toEqual(['2', '1'])
  expect(ids({ maxUsed: 20, reserved: 30 })).toEqual(['2'])
  expect(ids({ reserved: 10 })).toEqual(['2', '1'])
  expect(ids({ minFree: 100 }, contents([10, 20, 30]), 80)).toEqual(['2'])
  expect(ids({ minFree: 100 }, contents([10, 20, 30]), 100)).toEqual([])
})

test('what is in use stays, and what images have unless all is asked for', () => {
  const some = contents([1, 1, 1], [{ shared: true }, { inUse: true }, {}])
  expect(ids({}, some)).toEqual(['2'])
  expect(ids({ all: true }, some)).toEqual(['2', '0'])
})

test('a limit is kept whenever enough may go', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { maxLength: 8 }), fc.nat(500), (sizes, maxUsed) => {
      const from = contents(sizes)
      const going = new Set(choose(from, { maxUsed }, 0))
      const layers = new Set(from.kept.filter((one) => !going.has(one)).flatMap((one) => one.layers))
      const left = [...layers].reduce((sum, layer) => sum + from.sizes.get(layer)!, 0)
      expect(left).toBeLessThanOrEqual(maxUsed)
    }),
  )
})
