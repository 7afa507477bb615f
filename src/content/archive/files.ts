import type { ByteStream, Call } from '#base'

/**
 * The files of an image archive, readable at any offset without being unpacked: a tar, or a
 * directory. Paths are relative, links are followed inside the archive only, and nothing here is
 * verified: whoever knows a digest checks it.
 */
export interface ArchiveFiles extends AsyncDisposable {
  /** For messages: a path, or `standard input`. */
  readonly name: string
  /** Bytes of the regular file at `path`; undefined when there is none. */
  size(path: string): number | undefined
  /** The file from `offset` on; `not_found` without it. */
  read(path: string, offset?: number, call?: Call): ByteStream
  /** The whole of a small file, at most 4 MiB; undefined when there is none. */
  document(path: string): Uint8Array | undefined
}
