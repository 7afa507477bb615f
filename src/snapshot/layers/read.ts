import { fdatasync, read } from 'node:fs'
import { checkCanceled, type Call } from '#base'
import { EROFS_TAR_OFFSET } from '#codec'
import { close, O, openPath } from '#sys'

const CHUNK = 1 << 20

/** The tar in a layer file from `offset` on, unverified; shorter if the file is. */
export async function* readTarOf(
  file: string,
  tarSize: number,
  offset: number,
  call?: Call,
): AsyncGenerator<Uint8Array, void, void> {
  const fd = openPath(file, O.RDONLY | O.NOFOLLOW)
  try {
    const buffer = new Uint8Array(Math.min(CHUNK, Math.max(1, tarSize - offset)))
    for (let at = offset; at < tarSize;) {
      checkCanceled(call)
      const length = await readAt(fd, buffer, Math.min(buffer.length, tarSize - at), EROFS_TAR_OFFSET + at)
      if (length === 0) return
      yield buffer.subarray(0, length)
      at += length
    }
  } finally {
    close(fd)
  }
}

function readAt(fd: number, into: Uint8Array, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    read(fd, into, 0, length, position, (error, count) => (error ? reject(error) : resolve(count))),
  )
}

/** The file's bytes are on the disk when this resolves. */
export function syncData(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())))
}
