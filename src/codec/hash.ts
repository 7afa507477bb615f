import { fail } from '#base'
import type { ByteStream } from '#base'
import { algorithmOf } from '#oci'
import type { Digest } from '#oci'

/** image-spec descriptor.md, registered algorithms. */
export type HashAlgorithm = 'sha256' | 'sha512'

/** A digest in the making. */
export interface Hasher {
  update(chunk: Uint8Array): void
  /** Ends the hash: it takes no more updates. */
  digest(): Digest
}

/** What a stream turned out to be. */
export interface Measured {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** Begins a digest, by the runtime's native hash. */
export function createHasher(algorithm: HashAlgorithm = 'sha256'): Hasher {
  const hash = nativeHash(algorithm)
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => `${algorithm}:${hash.digest('hex')}`,
  }
}

/** What the hashes of Bun and Node have in common. */
interface NativeHash {
  update(chunk: Uint8Array): unknown
  digest(encoding: 'hex'): string
}

/** Bun's own hash where there is Bun: node:crypto brings node:stream along, 4 ms to load in a command of 30. */
function nativeHash(algorithm: HashAlgorithm): NativeHash {
  const { Bun } = globalThis as { readonly Bun?: { readonly CryptoHasher: new (name: string) => NativeHash } }
  return Bun ? new Bun.CryptoHasher(algorithm) : process.getBuiltinModule('node:crypto').createHash(algorithm)
}

/** The same bytes, measured as they pass. `result` is known once the stream has been read to its end. */
export function hashing(
  stream: ByteStream,
  algorithm: HashAlgorithm = 'sha256',
): { readonly stream: ByteStream; readonly result: () => Measured } {
  let measured: Measured | undefined
  async function* pass(): AsyncGenerator<Uint8Array, void, void> {
    const hasher = createHasher(algorithm)
    let size = 0
    for await (const chunk of stream) {
      hasher.update(chunk)
      size += chunk.length
      yield chunk
    }
    measured = { digest: hasher.digest(), size }
  }
  return {
    stream: pass(),
    result: () => measured ?? fail('failed_precondition', 'the stream has not been read to its end'),
  }
}

/**
 * The same bytes, with a throw unless there are as many as announced: for a reader that checks the
 * digest itself. `data_loss`.
 */
export async function* sized(
  stream: ByteStream,
  expected: { readonly digest: Digest; readonly size: number },
): AsyncGenerator<Uint8Array, void, void> {
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > expected.size)
      fail('data_loss', `content of ${expected.digest} is longer than its ${expected.size} bytes`)
    yield chunk
  }
  if (size !== expected.size)
    fail('data_loss', `content of ${expected.digest} ends after ${size} bytes of ${expected.size}`)
}

/**
 * The same bytes, with a throw at the end unless they are exactly what was announced: `data_loss`.
 * A stream that is too long is stopped before a byte too many gets out; of one that is too short the
 * digest is named first. Until the end is reached nothing is proved.
 */
export async function* verified(
  stream: ByteStream,
  expected: { readonly digest: Digest; readonly size?: number },
): AsyncGenerator<Uint8Array, void, void> {
  const hasher = createHasher(algorithmOf(expected.digest))
  const limit = expected.size ?? Number.POSITIVE_INFINITY
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > limit) fail('data_loss', `content of ${expected.digest} is longer than its ${limit} bytes`)
    hasher.update(chunk)
    yield chunk
  }
  const digest = hasher.digest()
  const sizes = expected.size === undefined || expected.size === size ? '' : ` (${size} bytes of ${expected.size})`
  if (digest !== expected.digest || sizes !== '')
    fail('data_loss', `content is ${digest} where ${expected.digest} was expected${sizes}`)
}
