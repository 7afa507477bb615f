import { closeSync, openSync, readSync } from 'node:fs'
import { createErofsWriter, createTarWriter, fileSink, fileSource, openErofs } from '#codec'
import type { ErofsImage, ErofsLimits, ErofsNode, ErofsSummary, TarEntry } from '#codec'

/** A tar member as short as a test can say it: a file of root's, mode 0644, unless told otherwise. */
export type Member = Partial<TarEntry> & Pick<TarEntry, 'path'> & { readonly data?: string | Uint8Array }

/** The archive of these members, one after the other. */
export function tarOf(...members: readonly Member[]): Uint8Array {
  const parts: Uint8Array[] = []
  const writer = createTarWriter((bytes) => void parts.push(bytes.slice()))
  for (const { data = new Uint8Array(0), ...member } of members) {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    const common = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 1_600_000_000_123_456_789n } as const
    writer.entry({ ...common, size: bytes.length, ...member })
    writer.data(bytes)
  }
  writer.end()
  return Buffer.concat(parts)
}

export interface LayerFileOptions {
  /** Bytes of a chunk; all at once by default. */
  readonly chunk?: number
  readonly limits?: ErofsLimits
}

/** Writes an archive's layer file at a path. */
export function writeLayerFile(path: string, tar: Uint8Array, options: LayerFileOptions = {}): ErofsSummary {
  const { chunk = Math.max(1, tar.length), limits } = options
  const fd = openSync(path, 'w+')
  try {
    const writer = createErofsWriter(fileSink(fd), limits)
    for (let at = 0; at < tar.length; at += chunk) writer.write(tar.subarray(at, at + chunk))
    return writer.finish()
  } finally {
    closeSync(fd)
  }
}

/** What a layer file holds, read without the kernel: each path with its kind, what is in it, and its xattrs. */
export function layerContents(path: string): Record<string, string> {
  const fd = openSync(path, 'r')
  try {
    const image = openErofs(fileSource(fd))
    const seen: Record<string, string> = {}
    for (const { path: name, node } of image.walk()) {
      const xattrs = [...image.xattrs(node)].map(([key, value]) => ` ${key}=${Buffer.from(value).toString('latin1')}`)
      seen[name] = describe(fd, image, node) + xattrs.join('')
    }
    return seen
  } finally {
    closeSync(fd)
  }
}

function describe(fd: number, image: ErofsImage, node: ErofsNode): string {
  if (node.type === 'symlink') return `-> ${image.readlink(node)}`
  if (node.type === 'chardev' || node.type === 'blockdev') return `${node.type} ${node.devmajor}:${node.devminor}`
  if (node.type !== 'file') return `${node.type} ${node.mode.toString(8)}`
  const { offset, length } = image.extent(node)
  const bytes = Buffer.alloc(length)
  readSync(fd, bytes, 0, length, offset)
  return `file ${bytes.toString('latin1')}`
}
