import { fail } from '#base'

/** SSH's data types (RFC 4251 §5): reads from the front of some bytes. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  byte(): number {
    return this.#take(1)[0]!
  }

  uint32(): number {
    return this.#take(4).readUInt32BE(0)
  }

  string(): Buffer {
    return this.#take(this.uint32())
  }

  text(): string {
    return this.string().toString('utf8')
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) fail('invalid_argument', 'a truncated SSH message')
    return this.#bytes.subarray(this.#at, (this.#at += length))
  }
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function wireString(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** A non-negative integer: no superfluous zeros in front, one where the first bit is set. */
export function mpint(value: Uint8Array): Buffer {
  let start = 0
  while (start < value.length && value[start] === 0) start++
  const digits = value.subarray(start)
  return wireString(digits.length > 0 && digits[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits)
}
