import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { editDistance, nearest } from './suggest.ts'

test('the nearest word, if it is near', () => {
  const commands = ['images', 'import', 'inspect', 'ps', 'rm', 'rmi', 'run']
  expect(nearest('imges', commands)).toBe('images')
  expect(nearest('inpsect', commands)).toBe('inspect')
  expect(nearest('sp', commands)).toBe('ps')
  expect(nearest('deploy', commands)).toBeUndefined()
})

test('a distance: zero for the same, symmetric, at most the longer length', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const distance = editDistance(a, b)
      expect(editDistance(a, a)).toBe(0)
      expect(editDistance(b, a)).toBe(distance)
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
    }),
  )
})
