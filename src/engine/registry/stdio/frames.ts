import { concat, fail } from '#base'

/** What a frame says about its connection. */
export const Frame = {
  open: 1,
  data: 2,
  /** Nothing more comes from this side. */
  end: 3,
  /** The connection is over. */
  reset: 4,
  /** So many bytes were taken, and as many more may come. */
  credit: 5,
} as const

export type FrameType = (typeof Frame)[keyof typeof Frame]

/** Bytes of a frame's payload. */
export const PAYLOAD: number = 64 << 10
const HEADER = 9

export interface DecodedFrame {
  readonly type: FrameType
  /** The connection, from 1. */
  readonly id: number
  readonly payload: Uint8Array
}

/** `type` u8, `id` u32, length u32, all big-endian; then the payload. */
export function encodeFrame(type: FrameType, id: number, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const frame = new Uint8Array(HEADER + payload.length)
  const view = new DataView(frame.buffer)
  view.setUint8(0, type)
  view.setUint32(1, id)
  view.setUint32(5, payload.length)
  frame.set(payload, HEADER)
  return frame
}

/** The frames of a stream; `data_loss` for what is none, and for an end in the middle of one. */
export async function* decodeFrames(input: AsyncIterable<Uint8Array>): AsyncGenerator<DecodedFrame, void, void> {
  let rest: Uint8Array = new Uint8Array()
  for await (const chunk of input) {
    rest = rest.length > 0 ? concat([rest, chunk]) : chunk
    let at = 0
    for (let frame = frameAt(rest, at); frame; frame = frameAt(rest, at)) {
      at += HEADER + frame.payload.length
      yield frame
    }
    rest = rest.slice(at)
  }
  if (rest.length > 0) fail('data_loss', 'the other end stopped in the middle of a frame')
}

function frameAt(bytes: Uint8Array, at: number): DecodedFrame | undefined {
  if (bytes.length - at < HEADER) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  const type = typeOf(view.getUint8(0))
  const length = view.getUint32(5)
  if (!fits(type, length)) fail('data_loss', 'the other end sends a frame of a wrong length')
  if (bytes.length - at < HEADER + length) return undefined
  const start = at + HEADER
  return { type, id: view.getUint32(1), payload: bytes.subarray(start, start + length) }
}

function typeOf(byte: number): FrameType {
  const type = Object.values(Frame).find((known) => known === byte)
  return type ?? fail('data_loss', 'the other end speaks another protocol')
}

function fits(type: FrameType, length: number): boolean {
  if (type === Frame.data) return length > 0 && length <= PAYLOAD
  return length === (type === Frame.credit ? 4 : 0)
}
