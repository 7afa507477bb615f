import type { Digest } from '#oci'

/** SHA-256 of a text, without leaving the thread: keys are made by the hundred. */
export function digestText(text: string): Digest {
  return `sha256:${new Bun.CryptoHasher('sha256').update(text).digest('hex')}`
}

/** Digest of plain data, equal for equal data: members are sorted, absent ones do not count. */
export function digestData(data: unknown): Digest {
  return digestText(canonicalJson(data))
}

/** JSON with the members of every object in order of their names. */
export function canonicalJson(data: unknown): string {
  return JSON.stringify(data, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}

/** SHA-256 of a file's bytes. What comes in one piece, as most files do, needs no hasher that waits for the collector. */
export class FileHash {
  readonly #size: number
  #whole: string | undefined
  #hasher: Bun.CryptoHasher | undefined

  constructor(size: number) {
    this.#size = size
  }

  update(bytes: Uint8Array): void {
    if (!this.#hasher && this.#whole === undefined && bytes.length === this.#size)
      this.#whole = Bun.CryptoHasher.hash('sha256', bytes, 'hex')
    else (this.#hasher ??= new Bun.CryptoHasher('sha256')).update(bytes)
  }

  digest(): Digest {
    return `sha256:${this.#whole ?? (this.#hasher ?? new Bun.CryptoHasher('sha256')).digest('hex')}`
  }
}
