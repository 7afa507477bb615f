import type { ByteStream, Call } from '#base'
import { encodeName, writeTar, type TarEntry, type TarInput } from '#codec'
import type { LayerEntry } from './target.ts'

/** The tar of a layer: entries in bytewise order of their paths, files that are one written once. */
export function layerTar(entries: ReadonlyMap<string, LayerEntry>, call?: Call): ByteStream {
  return writeTar(members(entries), call)
}

function* members(entries: ReadonlyMap<string, LayerEntry>): Generator<TarInput, void, void> {
  const links = new Map<string, string>()
  for (const path of inOrder([...entries.keys()])) {
    const entry = entries.get(path)!
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

/** A directory stands before what is in it, names in order of their bytes. The copy of one directory comes so. */
function inOrder(paths: string[]): string[] {
  const isSorted = paths.every((path, i) => i === 0 || comparePaths(paths[i - 1]!, path) < 0)
  return isSorted ? paths : paths.sort(comparePaths)
}

const SLASH = 0x2f
/** From here on, strings may have another order than their bytes. */
const SURROGATE = 0xd800

/** By bytes, a slash before all others. */
function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  let at = 0
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  if (at === length) return a.length - b.length
  const x = a.charCodeAt(at)
  const y = b.charCodeAt(at)
  if (x === SLASH || y === SLASH) return x === SLASH ? -1 : 1
  return x < SURROGATE && y < SURROGATE ? x - y : Buffer.compare(encodeName(a), encodeName(b))
}

async function* stream(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): ByteStream {
  yield* chunks
}
