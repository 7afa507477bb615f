import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Digest } from '#oci'
import { DirectoryDigests } from './directorydigests.ts'

const NAMES = ['a', 'aa', 'b', 'ba', 'é', '\ue000', '😀', '\udc80', 'z'.repeat(255)]

test('whatever is set is found, in any order, by the same mark and no other, now and when it is read again', () => {
  const step = fc.record({
    name: fc.constantFrom(...NAMES),
    version: fc.integer({ min: 0, max: 2 }),
    isSet: fc.boolean(),
    isKept: fc.integer({ max: 9, min: 0 }),
  })
  const mark = (version: number) => ({
    size: 2 ** 40 + version,
    mtime: -1n - BigInt(version),
    ctime: 2n ** 62n,
    ino: 2n ** 64n - 1n,
  })
  const digest = (name: string, version: number): Digest =>
    `sha256:${(NAMES.indexOf(name) * 3 + version).toString(16).padStart(64, '0')}`
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const model = new Map<string, number>()
      let files = new DirectoryDigests()
      for (const { name, version, isSet, isKept } of steps) {
        if (isKept === 0) files = new DirectoryDigests(files.bytes())
        if (isSet) {
          model.set(name, version)
          files.set(name, mark(version), digest(name, version))
        }
        const known = model.get(name)
        expect(files.get(name, mark(version))).toBe(known === version ? digest(name, version) : undefined)
      }
      const pieces = files.pieces(100)
      expect(Buffer.concat(pieces.map(({ records }) => records))).toEqual(Buffer.from(files.bytes()))
      for (const { first, records } of pieces)
        if (records.length > 0) expect(records.subarray(1, 1 + records[0]!)).toEqual(first)
      files = new DirectoryDigests(files.bytes())
      for (const [name, version] of model) {
        expect(files.get(name, mark(version))).toBe(digest(name, version))
        for (const other of [{ size: 1 }, { mtime: 1n }, { ctime: 1n }, { ino: 1n }])
          expect(files.get(name, { ...mark(version), ...other })).toBeUndefined()
      }
    }),
    { numRuns: 300 },
  )
})
