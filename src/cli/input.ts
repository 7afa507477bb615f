import { statSync } from 'node:fs'
import { fail, reasonOf, type ByteStream } from '#base'
import type { ArchiveSource } from '#engine'

const CHUNK = 1 << 20

/** The bytes of a file, or of standard input for `-`. A directory is an OCI layout and stays a path. */
export function openInput(path: string): ArchiveSource {
  if (path === '-') return { stream: Bun.stdin.stream() as unknown as ByteStream }
  try {
    if (statSync(path).isDirectory()) return { directory: path }
  } catch (error) {
    return fail('not_found', `${path}: ${reasonOf(error)}`, { cause: error })
  }
  return { file: path }
}

/** A file's bytes in chunks of a megabyte, or standard input's. */
export async function* readInput(path: string): AsyncGenerator<Uint8Array, void, void> {
  if (path === '-') {
    yield* Bun.stdin.stream() as unknown as AsyncIterable<Uint8Array>
    return
  }
  const { open } = await import('node:fs/promises')
  const file = await open(path, 'r').catch((error: unknown) =>
    fail('not_found', `${path}: ${reasonOf(error)}`, { cause: error }),
  )
  try {
    const buffer = new Uint8Array(CHUNK)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
