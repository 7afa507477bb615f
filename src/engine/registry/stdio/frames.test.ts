import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError, concat, streamOf } from '#base'
import { failure } from '#testkit'
import { decodeFrames, encodeFrame, Frame, PAYLOAD, type DecodedFrame, type FrameType } from './frames.ts'

async function decoded(...chunks: readonly Uint8Array[]): Promise<DecodedFrame[]> {
  const frames: DecodedFrame[] = []
  for await (const { type, id, payload } of decodeFrames(streamOf(...chunks)))
    frames.push({ type, id, payload: payload.slice() })
  return frames
}

const frame = fc
  .tuple(
    fc.constantFrom<FrameType>(...Object.values(Frame)),
    fc.nat({ max: 0xffffffff }),
    fc.uint8Array({ minLength: 4, maxLength: 300 }),
  )
  .map(([type, id, bytes]) => ({
    type,
    id,
    payload: type === Frame.data ? bytes : type === Frame.credit ? bytes.slice(0, 4) : new Uint8Array(),
  }))

test('frames come out as they went in, however the pipe cuts them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 12 }), fc.integer({ min: 1, max: 64 }), async (frames, cut) => {
      const bytes = concat(frames.map(({ type, id, payload }) => encodeFrame(type, id, payload)))
      const chunks = Array.from({ length: Math.ceil(bytes.length / cut) }, (_, i) =>
        bytes.slice(i * cut, (i + 1) * cut),
      )
      expect(await decoded(...chunks)).toEqual(frames)
    }),
  )
})

test('anything else is refused, and never waited for', async () => {
  const long = encodeFrame(Frame.data, 1, new Uint8Array(PAYLOAD + 1))
  for (const bytes of [
    long,
    encodeFrame(Frame.end, 1, new Uint8Array(1)),
    encodeFrame(Frame.data, 1),
    new Uint8Array(9),
  ])
    await failure(decoded(bytes), 'data_loss')
  await failure(decoded(encodeFrame(Frame.credit, 1, new Uint8Array(4)).subarray(0, 10)), 'data_loss')
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await decoded(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(CairnError))
    }),
  )
})
