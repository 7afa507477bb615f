import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { decodeName } from './names.ts'
import { SortedNames } from './sortednames.ts'

test('any names come out once each, in the order of their bytes', () => {
  const byte = fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(1, 0x61, 0xff))
  const name = fc.oneof(
    fc.array(byte, { minLength: 1, maxLength: 255 }),
    fc.array(fc.constantFrom(0x61, 0x62), { minLength: 1, maxLength: 9 }),
  )
  fc.assert(
    fc.property(fc.uniqueArray(name, { selector: String, maxLength: 60 }), (lists) => {
      const names = new SortedNames()
      for (const bytes of lists) names.add(Uint8Array.from([0, ...bytes, 0]), 1, 1 + bytes.length)
      const sorted = lists.map((bytes) => Buffer.from(bytes)).sort((a, b) => Buffer.compare(a, b))
      expect([...names]).toEqual(sorted.map((bytes) => decodeName(bytes)))
      expect(names.length).toBe(lists.length)
    }),
    { numRuns: 300 },
  )
})

test('what is added after a look is sorted in', () => {
  const names = new SortedNames()
  const add = (name: string): void => names.add(Buffer.from(name), 0, name.length)
  add('b')
  add('a')
  expect(names.at(0)).toBe('a')
  add('aa')
  expect([...names]).toEqual(['a', 'aa', 'b'])
})
