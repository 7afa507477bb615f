import { fail } from '#base'

/** Follows the frames of a zstd stream from header to header (RFC 8878 §3.1), without decoding anything. */
export interface FrameWalker {
  /** Throws `data_loss` where no frame begins that should. */
  push(chunk: Uint8Array): void
  /** Throws `data_loss` unless the last frame has ended. */
  end(): void
}

const MAGIC = 0xfd2fb528
/** The lowest four bits are free: 16 kinds of frames to skip. */
const SKIPPABLE = 0x184d2a50
const MAX_HEADER = 18

/** What is being collected: its first bytes tell how long it is. */
type Part = 'magic' | 'skippable' | 'descriptor' | 'header' | 'block'

export function createFrameWalker(): FrameWalker {
  const field = new Uint8Array(MAX_HEADER)
  const view = new DataView(field.buffer)
  let part: Part = 'magic'
  let filled = 0
  let needed = 4
  /** Bytes to pass over before the next part. */
  let skip = 0
  let checksum = 0
  let frames = 0

  const expect = (next: Part, bytes: number, over = 0): void => {
    part = next
    needed = bytes
    filled = 0
    skip = over
  }
  const onPart = (): void => {
    switch (part) {
      case 'magic': {
        const magic = view.getUint32(0, true)
        if (magic === MAGIC) expect('descriptor', 1)
        else if ((magic & ~15) >>> 0 === SKIPPABLE) expect('skippable', 4)
        else fail('data_loss', frames === 0 ? 'zstd: not a zstd frame' : 'zstd: data behind the end')
        frames++
        break
      }
      case 'skippable':
        expect('magic', 4, view.getUint32(0, true))
        break
      case 'descriptor':
        checksum = field[0]! & 4 ? 4 : 0
        expect('header', headerLength(field[0]!))
        break
      case 'header':
        expect('block', 3)
        break
      case 'block': {
        const header = field[0]! | (field[1]! << 8) | (field[2]! << 16)
        const kind = (header >> 1) & 3
        if (kind === 3) fail('data_loss', 'zstd: block of a reserved type')
        const stored = kind === 1 ? 1 : header >> 3
        if (header & 1) expect('magic', 4, stored + checksum)
        else expect('block', 3, stored)
      }
    }
  }
  return {
    push(chunk) {
      for (let at = 0; at < chunk.length;) {
        const passed = Math.min(skip, chunk.length - at)
        skip -= passed
        at += passed
        while (at < chunk.length && filled < needed) field[filled++] = chunk[at++]!
        if (skip === 0 && filled === needed) onPart()
      }
    },
    end() {
      if (part !== 'magic' || filled > 0 || skip > 0 || frames === 0) fail('data_loss', 'zstd: data are truncated')
    },
  }
}

/** Bytes of window descriptor, dictionary ID and content size behind the frame header descriptor. */
function headerLength(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0
  const dictionary = [0, 1, 2, 4][descriptor & 3]!
  const size = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!
  return (single ? 0 : 1) + dictionary + size
}
