import { readSync } from 'node:fs'
import { checkCanceled, type Call } from '#base'
import { createHasher, EROFS_TAR_OFFSET } from '#codec'
import type { Digest } from '#oci'
import { close, FileType, lstat, O, openPath, statAt, type Stat } from '#sys'
import { namesIn, openDirectory } from '../differ/tree.ts'

/**
 * What changes when anybody writes to a file: while it is the same, the bytes are taken for the
 * same. The device is left out: its number may be another after a boot.
 */
export function signatureOf(stat: Stat): string {
  return `${stat.ino} ${stat.size} ${stat.mtime} ${stat.ctime}`
}

export function fileSignature(path: string): string | undefined {
  const stat = lstat(path)
  return stat && (stat.mode & FileType.mask) === FileType.file ? signatureOf(stat) : undefined
}

/** The signatures of everything in a directory, in one digest. */
export function treeSignature(path: string): { readonly signature: string; readonly allocated: number } {
  const hasher = createHasher()
  const encoder = new TextEncoder()
  let allocated = 0
  const visit = (directory: number, prefix: string): void => {
    for (const name of namesIn(directory)) {
      const stat = statAt(directory, name)
      if (!stat) continue
      const isDirectory = (stat.mode & FileType.mask) === FileType.directory
      hasher.update(encoder.encode(`${prefix}${name}\0${stat.mode} ${stat.uid} ${stat.gid} ${signatureOf(stat)}\n`))
      allocated += stat.allocated
      if (!isDirectory) continue
      const child = openDirectory(directory, name)
      try {
        visit(child, `${prefix}${name}/`)
      } finally {
        close(child)
      }
    }
  }
  const root = openPath(path, O.RDONLY | O.DIRECTORY)
  try {
    visit(root, '')
  } finally {
    close(root)
  }
  return { signature: hasher.digest(), allocated }
}

const CHUNK = 1 << 20

/** Digests of a layer file's tar, and of all that is not the tar. */
export async function digestsOf(
  path: string,
  tarSize: number,
  call?: Call,
): Promise<{ readonly tar: Digest; readonly meta: Digest }> {
  const tar = createHasher()
  const meta = createHasher()
  const fd = openPath(path, O.RDONLY | O.NOFOLLOW)
  try {
    const buffer = new Uint8Array(CHUNK)
    const end = EROFS_TAR_OFFSET + tarSize
    for (let at = 0; ;) {
      checkCanceled(call)
      const border = at < EROFS_TAR_OFFSET ? EROFS_TAR_OFFSET : at < end ? end : Infinity
      const length = readSync(fd, buffer, 0, Math.min(CHUNK, border - at), at)
      if (length === 0) break
      const hasher = border === end ? tar : meta
      hasher.update(buffer.subarray(0, length))
      at += length
      // Other work goes on between chunks: a large layer takes a second.
      if (at % (64 * CHUNK) < CHUNK) await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    close(fd)
  }
  return { tar: tar.digest(), meta: meta.digest() }
}
