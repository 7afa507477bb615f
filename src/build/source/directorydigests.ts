import { encodeName } from '#codec'
import type { Digest } from '#oci'
import type { Stat } from '#sys'

/** Size, mtime, ctime, inode and SHA-256, behind the name and a byte that says how long that is. */
const FIELDS = 4 * 8 + 32
const DIGEST = 4 * 8

/** What makes us believe that a file's bytes are still the same. */
type Mark = Pick<Stat, 'size' | 'mtime' | 'ctime' | 'ino'>

/** Records that are kept together. */
export interface Piece {
  /** The name of the first. */
  readonly first: Uint8Array
  readonly records: Uint8Array
}

/**
 * The digests of a directory's files, or of some, as bytes: records in order of the names' bytes. Whoever asks in that order finds
 * each record at once; a walk does. 80 bytes a file, however many there are.
 */
export class DirectoryDigests {
  #records: Buffer
  /** Where the next record is looked for. */
  #at = 0
  /** Records with changes, up to `copied` of the old ones; none as long as nothing changed. */
  #output: Buffer | undefined
  #filled = 0
  #copied = 0
  /** The name that was asked for last, and whether it was set: then it is in the output. */
  #last: Uint8Array | undefined
  #isPast = false
  changed = false

  constructor(records: Uint8Array = new Uint8Array(0)) {
    this.#records = Buffer.from(records.buffer, records.byteOffset, records.length)
  }

  /** The digest of a file that is as it was. */
  get(name: string, mark: Mark): Digest | undefined {
    if (!this.#seek(encodeName(name))) return undefined
    const fields = this.#at + 1 + this.#records[this.#at]!
    const word = (index: number): bigint => this.#records.readBigInt64LE(fields + 8 * index)
    if (word(0) !== BigInt(mark.size) || word(1) !== mark.mtime || word(2) !== mark.ctime) return undefined
    if (this.#records.readBigUInt64LE(fields + 24) !== mark.ino) return undefined
    return `sha256:${this.#records.toString('hex', fields + DIGEST, fields + FIELDS)}`
  }

  set(name: string, mark: Mark, digest: Digest): void {
    const bytes = encodeName(name)
    const isKnown = this.#seek(bytes)
    if (this.#output === undefined) this.#output = Buffer.allocUnsafeSlow(4096)
    this.#copy(this.#at)
    if (isKnown) this.#copied = this.#at = this.#next()
    const start = this.#take(1 + bytes.length + FIELDS)
    this.#output[start] = bytes.length
    this.#output.set(bytes, start + 1)
    const fields = start + 1 + bytes.length
    this.#output.writeBigInt64LE(BigInt(mark.size), fields)
    this.#output.writeBigInt64LE(mark.mtime, fields + 8)
    this.#output.writeBigInt64LE(mark.ctime, fields + 16)
    this.#output.writeBigUInt64LE(mark.ino, fields + 24)
    this.#output.write(digest.slice('sha256:'.length), fields + DIGEST, 'hex')
    this.changed = this.#isPast = true
  }

  /** All records. */
  bytes(): Uint8Array {
    this.#rewind()
    return this.#records
  }

  /** How many bytes there are, about. */
  get size(): number {
    return Math.max(this.#records.length, this.#filled)
  }

  /** All records in turn, about so many bytes of them together; at least one piece, which may be empty. */
  pieces(size: number): Piece[] {
    this.#rewind()
    const pieces: Piece[] = []
    let start = 0
    const end = (): number => {
      const first = this.#records.subarray(start + 1, start + 1 + (this.#records[start] ?? 0))
      return pieces.push({ first, records: this.#records.subarray(start, this.#at) })
    }
    for (; this.#at < this.#records.length; this.#at = this.#next())
      if (this.#at - start >= size) {
        end()
        start = this.#at
      }
    end()
    this.#at = 0
    return pieces
  }

  /** Goes to the record of a name, or to where it belongs; whether it is there. */
  #seek(name: Uint8Array): boolean {
    const order = this.#last === undefined ? 1 : Buffer.compare(name, this.#last)
    if (order < 0 || (order === 0 && this.#isPast)) this.#rewind()
    this.#last = name
    this.#isPast = false
    while (this.#at < this.#records.length) {
      const start = this.#at + 1
      const found = this.#records.compare(name, 0, name.length, start, start + this.#records[this.#at]!)
      if (found >= 0) return found === 0
      this.#at = this.#next()
    }
    return false
  }

  #next(): number {
    return this.#at + 1 + this.#records[this.#at]! + FIELDS
  }

  /** Begins again, with what was changed as the records. */
  #rewind(): void {
    if (this.#output) {
      this.#copy(this.#records.length)
      this.#records = this.#output.subarray(0, this.#filled)
    }
    this.#output = this.#last = undefined
    this.#at = this.#filled = this.#copied = 0
  }

  #copy(end: number): void {
    if (end === this.#copied) return
    const start = this.#take(end - this.#copied)
    this.#output!.set(this.#records.subarray(this.#copied, end), start)
    this.#copied = end
  }

  #take(count: number): number {
    const start = this.#filled
    this.#filled += count
    const { length } = this.#output!
    if (this.#filled > length) {
      const { buffer } = this.#output as { readonly buffer: ArrayBuffer }
      this.#output = Buffer.from(buffer.transfer(Math.max(this.#filled, 2 * length)))
    }
    return start
  }
}
