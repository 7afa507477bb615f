import type { Compression } from '#oci'

/** What we can read, and what we only know by name. */
export type DetectedCompression = Compression | 'bzip2' | 'xz'

const MAGICS: readonly (readonly [DetectedCompression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
]

/** The compression by its magic; `none` for everything unknown. Six bytes are enough. */
export function detectCompression(firstBytes: Uint8Array): DetectedCompression {
  const found = MAGICS.find(([, magic]) => magic.every((byte, i) => firstBytes[i] === byte))
  if (found) return found[0]
  return isSkippableFrame(firstBytes) ? 'zstd' : 'none'
}

/** zstd streams may begin with a frame to skip: 0x184D2A50 to …5F, little-endian. */
function isSkippableFrame(bytes: Uint8Array): boolean {
  return (bytes[0]! & 0xf0) === 0x50 && bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18
}
