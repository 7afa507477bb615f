import type { ByteStream, Call } from '#base'
import { encodeName, writeTar, type TarEntry, type TarInput } from '#codec'
import type { LayerEntry } from './target.ts'

/** The tar of a layer: entries in bytewise order of their paths, files that are one written once. */
export function layerTar(entries: ReadonlyMap<string, LayerEntry>, call?: Call): ByteStream {
  return writeTar(members(entries), call)
}

function* members(entries: ReadonlyMap<string, LayerEntry>): Generator<TarInput, void, void> {
  const links = new Map<string, string>()
  for (const [path, entry] of [...entries].toSorted(([a], [b]) => comparePaths(a, b))) {
    const link = entry.content?.link
    const first = link === undefined ? undefined : links.get(link)
    const { type, mode, uid, gid, mtime, xattrs, target, device, content } = entry
    const common = { path, mode, uid, gid, mtime, size: 0, ...(xattrs && xattrs.size > 0 ? { xattrs } : {}) }
    if (first !== undefined) yield { entry: { ...common, type: 'hardlink', linkname: first } }
    else if (content) {
      if (link !== undefined) links.set(link, path)
      yield { entry: { ...common, type, size: content.size }, data: stream(content.open()) }
    } else yield { entry: special(common, type, target, device) }
  }
}

function special(
  common: Omit<TarEntry, 'type'>,
  type: TarEntry['type'],
  target: string | undefined,
  device: readonly [number, number] | undefined,
): TarEntry {
  return {
    ...common,
    type,
    ...(target === undefined ? {} : { linkname: target }),
    ...(device === undefined ? {} : { devmajor: device[0], devminor: device[1] }),
  }
}

/** A directory stands before what is in it, names in order of their bytes. */
function comparePaths(a: string, b: string): number {
  const left = a.split('/')
  const right = b.split('/')
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i]!
    const y = right[i]!
    if (x !== y) return Buffer.compare(encodeName(x), encodeName(y))
  }
  return left.length - right.length
}

async function* stream(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): ByteStream {
  yield* chunks
}
