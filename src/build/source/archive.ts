import { detectCompression } from '#codec'

/** How many bytes tell whether a file is an archive. */
export const ARCHIVE_HEAD = 512

const CHECKSUM_AT = 148
const CHECKSUM_END = 156

/** Whether bytes begin something compressed, or a tar. */
export function looksLikeArchive(head: Uint8Array): boolean {
  return detectCompression(head) !== 'none' || isTarHeader(head.subarray(0, ARCHIVE_HEAD))
}

/** A tar header's checksum counts its own field as blanks; an archive may be nothing but zeros. */
function isTarHeader(block: Uint8Array): boolean {
  if (block.length < ARCHIVE_HEAD) return false
  let sum = 0
  for (let i = 0; i < ARCHIVE_HEAD; i++) sum += i >= CHECKSUM_AT && i < CHECKSUM_END ? 32 : block[i]!
  const field = new TextDecoder('latin1').decode(block.subarray(CHECKSUM_AT, CHECKSUM_END))
  const isEmpty = block.every((byte) => byte === 0)
  return isEmpty || Number.parseInt(field.replaceAll('\0', ' ').trim(), 8) === sum
}
