import { fail } from '#base'
import type { Digest } from '#oci'
import { createHasher } from '../hash.ts'
import { createTarParser } from '../tar/parser.ts'
import type { TarMember } from '../types.ts'
import { blockAt, Copies } from './copies.ts'
import { emitMetadata } from './emit.ts'
import { BLOCK, encodeHead, EROFS_TAR_OFFSET, roundUp } from './format.ts'
import { LayerTree } from './layer.ts'
import { layOut } from './layout.ts'
import { Output } from './output.ts'
import { quirksOf } from './quirks.ts'
import { NONE } from './tree.ts'
import type { ErofsLimits, ErofsSink, ErofsSummary } from './types.ts'

/** Where metadata begin and the file ends: whole pages, so that none is shared with a file's data. */
const ALIGN = 4096

const DEFAULTS = {
  nodes: 4_000_000,
  nameBytes: 256 << 20,
  copiedBytes: 2 ** 36,
}

/** A layer file in the making. After a throw it is of no more use, and neither is the file. */
export interface ErofsWriter {
  /** How many the members so far have. */
  readonly inodes: number
  /** The next bytes of the uncompressed tar, in chunks of any size; valid during the call only. */
  write(chunk: Uint8Array): void
  /**
   * The tar ended here: writes the metadata and, last, the superblock, without which the file is no file
   * system. Throws `data_loss` before the superblock if `diffId` is given and is not the tar's digest.
   * Syncing, renaming and the compressed blob's digest are the caller's.
   */
  finish(diffId?: Digest): ErofsSummary
}

/**
 * Writes `[4 KiB with the superblock][the tar, verbatim][metadata]`: an EROFS image whose files are the
 * tar's own bytes (docs/formats/layer-file.md). The same tar gives the same file. Errors as `createTarParser`'s,
 * `invalid_argument` for members that cannot be laid out, `resource_exhausted` beyond a limit.
 */
export function createErofsWriter(sink: ErofsSink, limits: ErofsLimits = {}): ErofsWriter {
  const bounds = { ...DEFAULTS, ...limits }
  let layer = new LayerTree(bounds)
  const copies = new Copies(bounds.copiedBytes)
  const hasher = createHasher('sha256')
  const output = new Output(sink, EROFS_TAR_OFFSET, hasher)
  let inode = NONE
  const parser = createTarParser(
    {
      onEntry(member) {
        inode = layer.add(member)
        if (inode !== NONE) placeData(member, inode)
      },
      onEnd(member, cleanPadding) {
        // A mapping of the file would show what lies between its end and the next block.
        if (inode !== NONE && !cleanPadding && !member.sparse)
          copies.add(inode, EROFS_TAR_OFFSET + member.dataOffset, [{ offset: 0, length: member.size }])
      },
    },
    limits,
  )
  function placeData(member: TarMember, file: number): void {
    const start = EROFS_TAR_OFFSET + member.dataOffset
    if (member.sparse) copies.add(file, start, member.sparse)
    else if (member.size > 0) layer.tree.inodes.data[file] = blockAt(start)
  }
  return {
    get inodes() {
      return layer.tree.inodes.count
    },
    write(chunk) {
      parser.write(chunk)
      output.write(chunk)
    },
    finish(expected) {
      parser.end()
      output.flush()
      const diffId = hasher.digest()
      if (expected !== undefined && diffId !== expected)
        fail('data_loss', `layer is ${diffId} where ${expected} was expected`)
      const finished = layer
      // Whoever still holds the writer holds none of its columns.
      layer = new LayerTree(bounds)
      return finishImage(finished, copies, sink, diffId, output.position - EROFS_TAR_OFFSET)
    },
  }
}

/** Everything but the tar. */
function finishImage(layer: LayerTree, copies: Copies, sink: ErofsSink, diffId: Digest, tarSize: number): ErofsSummary {
  layer.tree.seal()
  const layout = layOut(layer)
  const quirks = quirksOf(layer, layout)
  const { inodes } = layer.tree
  const tarEnd = EROFS_TAR_OFFSET + tarSize
  const metaOffset = roundUp(
    copies.place(inodes, (inode) => layout.links[inode]! > 0, tarEnd),
    ALIGN,
  )
  const fileSize = roundUp(metaOffset + layout.dataOffset + layout.dataBlocks * BLOCK, ALIGN)
  const head = encodeHead({
    inodes: layout.order.length,
    blocks: blockAt(fileSize),
    metaBlock: blockAt(metaOffset),
    // Overlayfs distrusts layers without a UUID and those of equal ones.
    uuid: Buffer.from(diffId.slice(diffId.indexOf(':') + 1), 'hex'),
  })
  const hasher = createHasher('sha256')
  hasher.update(head)
  const output = new Output(sink, tarEnd, hasher)
  copies.emit(inodes, sink, output)
  output.skipTo(metaOffset)
  emitMetadata(layer, layout, output)
  output.skipTo(fileSize)
  output.flush()
  sink.write(head, 0)
  return { diffId, tarSize, fileSize, metaDigest: hasher.digest(), inodes: layout.order.length, quirks }
}
