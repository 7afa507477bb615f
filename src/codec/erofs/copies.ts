import { fail } from '#base'
import type { SparseSegment } from '../types.ts'
import { BLOCK, MAX_BLOCKS, roundUp } from './format.ts'
import type { Inodes } from './inodes.ts'
import type { Output } from './output.ts'
import type { ErofsSink } from './types.ts'

/** A file that the image cannot read from the tar as it stands there. */
interface Copy {
  readonly inode: number
  /** Where its stored bytes lie in the file being written. */
  readonly from: number
  /** Offset and length of each segment, in turn. */
  readonly segments: Float64Array
}

/** Two million segments are 32 MB. */
const MAX_SEGMENTS = 2_000_000
const BUFFER_SIZE = 256 << 10

/** Files that move behind the tar, aligned and with their holes filled in. */
export class Copies {
  #copies: Copy[] = []
  readonly #limit: number
  #segments = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(inode: number, from: number, segments: readonly SparseSegment[]): void {
    this.#segments += segments.length + 1
    if (this.#segments > MAX_SEGMENTS)
      fail('resource_exhausted', `a layer with more than ${MAX_SEGMENTS} sparse segments`)
    this.#copies.push({ inode, from, segments: Float64Array.from(segments.flatMap((s) => [s.offset, s.length])) })
  }

  /** Gives those whose inode is `live` their blocks behind `end`, and tells the inodes; the new end. */
  place(inodes: Inodes, live: (inode: number) => boolean, end: number): number {
    this.#copies = this.#copies.filter((copy) => live(copy.inode))
    const begin = roundUp(end, BLOCK)
    let position = begin
    for (const { inode } of this.#copies) {
      inodes.data[inode] = blockAt(position)
      position += roundUp(inodes.size[inode]!, BLOCK)
      if (position - begin > this.#limit)
        fail('resource_exhausted', `sparse files of more than ${this.#limit} bytes with their holes`)
    }
    return position
  }

  /** Writes those that were placed. */
  emit(inodes: Inodes, sink: ErofsSink, output: Output): void {
    const buffer = new Uint8Array(BUFFER_SIZE)
    for (const copy of this.#copies) {
      const start = inodes.data[copy.inode]! * BLOCK
      let from = copy.from
      for (let i = 0; i < copy.segments.length; i += 2) {
        output.skipTo(start + copy.segments[i]!)
        from = pump(sink, output, from, copy.segments[i + 1]!, buffer)
      }
      output.skipTo(start + inodes.size[copy.inode]!)
    }
  }
}

/** The block at a byte that is a multiple of its size. */
export function blockAt(position: number): number {
  const block = position / BLOCK
  return block <= MAX_BLOCKS ? block : fail('resource_exhausted', 'a layer file of more than 2 TiB')
}

function pump(sink: ErofsSink, output: Output, from: number, length: number, buffer: Uint8Array): number {
  const end = from + length
  for (let at = from; at < end;) {
    const wanted = buffer.subarray(0, Math.min(buffer.length, end - at))
    const got = sink.read(wanted, at)
    if (got <= 0) fail('data_loss', `layer file ends at byte ${at} while it is being written`)
    output.write(wanted.subarray(0, got))
    at += got
  }
  return end
}
