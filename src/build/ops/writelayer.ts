import type { ByteStream, Call } from '#base'
import { writeTar, type TarEntry, type TarInput } from '#codec'
import type { LayerEntry } from './target.ts'

/** The tar of a layer of these entries, in their order; files that are one are written once. */
export function layerTar(entries: Iterable<readonly [path: string, entry: LayerEntry]>, call?: Call): ByteStream {
  return writeTar(members(entries), call)
}

function* members(entries: Iterable<readonly [string, LayerEntry]>): Generator<TarInput, void, void> {
  const links = new Map<string, string>()
  for (const [path, entry] of entries) {
    const link = entry.content?.link
    const first = link === undefined ? undefined : links.get(link)
    const { type, mode, uid, gid, mtime, xattrs, target, device, content } = entry
    const common = { path, mode, uid, gid, mtime, size: 0, ...(xattrs && xattrs.size > 0 ? { xattrs } : {}) }
    if (first !== undefined) yield { entry: { ...common, type: 'hardlink', linkname: first } }
    else if (content) {
      if (link !== undefined) links.set(link, path)
      yield { entry: { ...common, type, size: content.size }, data: content.open() }
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
