import { CairnError } from '#base'
import type { Digest } from './types.ts'

const HEX_LENGTH = { sha256: 64, sha512: 128 } as const

/** True for a digest of a supported algorithm with exactly its number of lower-case hex digits. */
export function isDigest(value: unknown): value is Digest {
  if (typeof value !== 'string') return false
  const length = value.startsWith('sha256:') ? HEX_LENGTH.sha256 : value.startsWith('sha512:') ? HEX_LENGTH.sha512 : 0
  return length > 0 && value.length === length + 7 && /^[0-9a-f]+$/.test(value.slice(7))
}

/** The value as a digest, or `invalid_argument`. */
export function parseDigest(value: unknown): Digest {
  if (isDigest(value)) return value
  throw new CairnError('invalid_argument', `not a digest: ${JSON.stringify(value)?.slice(0, 100)}`)
}

/** The algorithm that a digest names. */
export function algorithmOf(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

/** The hex digits, safe as a file name once the digest has been parsed. */
export function hexOf(digest: Digest): string {
  return digest.slice(7)
}

/** The hash that Bun has beyond the web's. */
interface BunHasher {
  update(bytes: Uint8Array): BunHasher
  digest(encoding: 'hex'): string
}

/** The digest of bytes in memory. Streams are hashed in `codec`. */
export async function digestOf(bytes: Uint8Array): Promise<Digest> {
  const { Bun } = globalThis as { readonly Bun?: { readonly CryptoHasher: new (name: string) => BunHasher } }
  // The web's hash starts threads, which takes a short command longer than the hashing.
  if (Bun) return `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  // Not toHex(): Node has it only from version 25 on.
  return `sha256:${Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
