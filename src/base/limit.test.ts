import { expect, test } from 'bun:test'
import { Limit } from '#base'

test('so many at once, the others in order; one that fails makes room as well', async () => {
  const limit = new Limit(2)
  const started: number[] = []
  const ends = [0, 1, 2, 3].map(() => Promise.withResolvers<number>())
  const works = ends.map(({ promise }, i) =>
    limit.run(() => {
      started.push(i)
      return promise
    }),
  )
  expect(started).toEqual([0, 1])
  ends[1]!.reject(new Error('broken'))
  expect(await works[1]!.catch((error: Error) => error.message)).toBe('broken')
  expect(started).toEqual([0, 1, 2])
  ends[2]!.resolve(2)
  await works[2]
  expect(started).toEqual([0, 1, 2, 3])
  ends[0]!.resolve(0)
  ends[3]!.resolve(3)
  expect(await Promise.all([works[0], works[2], works[3]])).toEqual([0, 2, 3])
  expect(await limit.run(async () => 'again')).toBe('again')
})
