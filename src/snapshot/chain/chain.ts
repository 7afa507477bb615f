import { readSync } from 'node:fs'
import { fail, type Call } from '#base'
import { createTarParser, EROFS_TAR_OFFSET, type ErofsInput, type TarMember } from '#codec'
import { close, O, openPath } from '#sys'
import { readTarOf } from '../layers/read.ts'
import { differences, type FixUpEntry } from './fixup.ts'
import { overlaid } from './overlaid.ts'
import { ChainTree, type DirectoryNode } from './tree.ts'

/** A layer file and the bytes of the tar in it. */
export interface LayerTar {
  readonly file: string
  readonly tarSize: number
}

/**
 * What has to be laid over a chain (base first) so that overlayfs shows what extracting the tars
 * one over the other gives: nothing for most. Layers leave out what their tool took for granted:
 * a directory's description, a file that a hard link points at, a symlink on the way to a file.
 * Only the tars' headers are kept in memory.
 */
export async function fixUpOf(chain: readonly LayerTar[], call?: Call): Promise<ErofsInput[]> {
  const extracted = new ChainTree('extract')
  const alone: DirectoryNode[] = []
  const homes = new Map<TarMember, LayerTar>()
  for (const [index, layer] of chain.entries()) {
    const tree = new ChainTree('overlay')
    const parser = createTarParser({
      onEntry(member) {
        if (member.type === 'file') homes.set(member, layer)
        extracted.add(member, index)
        tree.add(member, index)
      },
    })
    for await (const chunk of readTarOf(layer.file, layer.tarSize, 0, call)) parser.write(chunk)
    parser.end()
    alone.push(tree.root)
  }
  return differences(extracted.root, overlaid(alone)).map((entry) => withData(entry, homes))
}

function withData({ entry, content }: FixUpEntry, homes: ReadonlyMap<TarMember, LayerTar>): ErofsInput {
  const home = content && homes.get(content)
  return home && content.size > 0 ? { entry, data: bytesOf(home.file, content) } : { entry }
}

const CHUNK = 256 << 10

/** A member's content as its reader sees it, from the layer file that it lies in. */
function* bytesOf(file: string, member: TarMember): Generator<Uint8Array, void, void> {
  const fd = openPath(file, O.RDONLY | O.NOFOLLOW)
  try {
    let stored = EROFS_TAR_OFFSET + member.dataOffset
    let at = 0
    for (const segment of member.sparse ?? [{ offset: 0, length: member.size }]) {
      yield* zeros(segment.offset - at)
      yield* range(fd, stored, segment.length, file)
      stored += segment.length
      at = segment.offset + segment.length
    }
    yield* zeros(member.size - at)
  } finally {
    close(fd)
  }
}

function* range(fd: number, from: number, length: number, file: string): Generator<Uint8Array, void, void> {
  const buffer = new Uint8Array(Math.min(CHUNK, length))
  for (let done = 0; done < length;) {
    const count = readSync(fd, buffer, 0, Math.min(buffer.length, length - done), from + done)
    if (count === 0) fail('data_loss', `${file} ends too early`)
    yield buffer.subarray(0, count)
    done += count
  }
}

function* zeros(length: number): Generator<Uint8Array, void, void> {
  for (let left = length; left > 0; left -= CHUNK) yield new Uint8Array(Math.min(left, CHUNK))
}
