import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { collect, concat, streamOf } from '#base'
import { failure } from '#testkit'
import { replayable } from './replay.ts'

const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 12 })

test('whatever the chunks and the window, a stream can be read again from what is kept', async () => {
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 2, max: 64 }), fc.nat({ max: 400 }), async (parts, window, stop) => {
      const whole = concat(parts)
      const replay = replayable(streamOf(...parts), window)
      expect(await collect(replay.from(0, stop), 1000)).toEqual(whole.subarray(0, stop))
      const { earliest } = replay
      expect(earliest).toBeLessThanOrEqual(Math.min(stop, whole.length))
      expect(await collect(replay.from(earliest, 1000), 1000)).toEqual(whole.subarray(earliest))
      if (replay.earliest > 0) await failure(collect(replay.from(0, 1), 10), 'failed_precondition')
      await replay.finish()
      await replay.close()
    }),
  )
})
