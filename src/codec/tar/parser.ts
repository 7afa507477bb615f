import { decodeName } from '../names.ts'
import type { TarLimits, TarMember } from '../types.ts'
import { BLOCK, isZeroBlock, numberField, parseHeader } from './header.ts'
import type { Header } from './header.ts'
import { bodySize, draftMember } from './member.ts'
import type { Draft, GnuNames } from './member.ts'
import { parsePax } from './pax.ts'
import type { PaxRecords, PaxSparse } from './pax.ts'
import { failAt, malformed } from './place.ts'
import type { Place } from './place.ts'
import { readSparseSlots, SparseMapReader, sparseSegments } from './sparse.ts'
import type { SparseMap } from './sparse.ts'

/** Who listens to a {@link TarParser}. Members come in the archive's order, each: onEntry, onData…, onEnd. */
export interface TarHandler {
  onEntry(member: TarMember): void
  /** Stored bytes (a sparse member's segments back to back), valid during the call only. */
  onData?(member: TarMember, bytes: Uint8Array): void
  /** All data seen. `cleanPadding`: the bytes up to the next block are zeros, as they should be. */
  onEnd?(member: TarMember, cleanPadding: boolean): void
}

/**
 * A tar archive pushed through in chunks of any size, without a promise anywhere.
 * Throws `data_loss` for a truncated archive, `invalid_argument` for a malformed one, `resource_exhausted`
 * beyond a limit, `unimplemented` for types no image has. After a throw the parser is of no more use.
 */
export interface TarParser {
  write(chunk: Uint8Array): void
  /** The archive ended here; a missing end-of-archive mark is forgiven, an unfinished member is not. */
  end(): void
}

/** A parser that tells `handler` what it meets; the limits have defaults for a stranger's archive. */
export function createTarParser(handler: TarHandler, limits?: TarLimits): TarParser {
  return new Parser(handler, limits)
}

const EMPTY: Buffer = Buffer.alloc(0)
const NONE: PaxRecords = {}
const DEFAULTS: Required<TarLimits> = { headerBytes: 1 << 20, entries: 4_000_000, totalBytes: 2 ** 40, nameless: false }

/** What the next bytes are; the first four come in whole blocks. */
const State = { header: 0, zero: 1, sparseSlots: 2, sparseMap: 3, meta: 4, body: 5, padding: 6, done: 7 } as const
type State = (typeof State)[keyof typeof State]

class Parser implements TarParser {
  readonly #handler: TarHandler
  readonly #limits: Required<TarLimits>
  readonly #place: Place = { offset: 0, name: '' }
  #state: State = State.header
  /** Offset in the archive of the chunk being read. */
  #base = 0
  /** A block whose bytes came in more than one chunk. */
  readonly #block = Buffer.alloc(BLOCK)
  #filled = 0
  /** Bytes of the body, the meta payload or the padding still to come. */
  #remaining = 0
  #padding = 0
  #cleanPadding = true
  #entries = 0
  /** Logical bytes of sparse members so far: holes count against totalBytes, for whoever fills them. */
  #holes = 0

  #globals: PaxRecords | undefined
  #globalBytes = 0
  #pax: PaxRecords | undefined
  #gnu: GnuNames = {}

  /** Type flag and payload of the PAX or GNU header being collected. */
  #metaType = 0
  #meta: Buffer = EMPTY
  #metaFilled = 0

  #member: Draft | undefined
  #sparse: SparseMap = []
  #sparseReader = new SparseMapReader()
  #sparseBytes = 0

  constructor(handler: TarHandler, limits: TarLimits = {}) {
    this.#handler = handler
    this.#limits = { ...DEFAULTS, ...limits }
  }

  write(chunk: Uint8Array): void {
    this.#checkTotal(this.#base + chunk.length)
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    let at = 0
    while (at < bytes.length) {
      if (this.#state <= State.sparseMap) at = this.#takeBlock(bytes, at)
      else if (this.#state === State.body) at = this.#takeBody(bytes, at)
      else if (this.#state === State.padding) at = this.#takePadding(bytes, at)
      else if (this.#state === State.meta) at = this.#takeMeta(bytes, at)
      else at = bytes.length
    }
    this.#base += chunk.length
  }

  end(): void {
    if (this.#state === State.done) return
    const cut = this.#filled > 0 || this.#state === State.body || this.#state === State.meta
    if (cut || this.#inMember()) failAt(this.#place, 'data_loss', 'archive is truncated')
    // As Go's reader does: the last member's padding and the end mark may be missing.
    if (this.#state === State.padding && this.#member) this.#finishMember()
    if (this.#pax || this.#gnu.path !== undefined || this.#gnu.linkname !== undefined)
      failAt(this.#place, 'data_loss', 'archive is truncated behind an extended header')
  }

  #inMember(): boolean {
    return this.#state === State.sparseMap || this.#state === State.sparseSlots
  }

  #takeBlock(bytes: Buffer, at: number): number {
    if (this.#filled === 0 && bytes.length - at >= BLOCK) {
      this.#onBlock(bytes, at, this.#base + at)
      return at + BLOCK
    }
    const taken = Math.min(BLOCK - this.#filled, bytes.length - at)
    this.#block.set(bytes.subarray(at, at + taken), this.#filled)
    this.#filled += taken
    if (this.#filled === BLOCK) {
      this.#filled = 0
      this.#onBlock(this.#block, 0, this.#base + at + taken - BLOCK)
    }
    return at + taken
  }

  #onBlock(block: Buffer, at: number, offset: number): void {
    switch (this.#state) {
      case State.header:
        return this.#onHeader(block, at, offset)
      case State.zero:
        if (!isZeroBlock(block, at)) malformed({ offset, name: '' }, 'data behind a lone zero block')
        this.#state = State.done
        return
      case State.sparseSlots:
        return this.#onSparseSlots(block, at, offset)
      default:
        return this.#onSparseMap(block, at, offset)
    }
  }

  #onHeader(block: Buffer, at: number, offset: number): void {
    this.#place.offset = offset
    this.#place.name = ''
    if (block[at] === 0 && isZeroBlock(block, at)) {
      this.#state = State.zero
      return
    }
    const header = parseHeader(block, at, this.#place)
    switch (header.typeflag) {
      case 0x78: // x
      case 0x58: // X, Solaris
      case 0x67: // g
      case 0x4b: // K
      case 0x4c: // L
        return this.#beginMeta(header)
      case 0x56: // V, a volume's label
        this.#remaining = header.size
        return this.#beginBody(header.size)
      default:
        return this.#beginMember(header, block, at, offset)
    }
  }

  // --- extended headers

  #beginMeta(header: Header): void {
    this.#bound(header.size, 'extended header')
    this.#metaType = header.typeflag
    this.#metaFilled = 0
    this.#remaining = header.size
    this.#padding = paddingOf(header.size)
    this.#state = State.meta
    if (header.size === 0) this.#endMeta(this.#meta, 0, 0)
  }

  #takeMeta(bytes: Buffer, at: number): number {
    const taken = Math.min(this.#remaining, bytes.length - at)
    this.#remaining -= taken
    if (this.#remaining === 0 && this.#metaFilled === 0) {
      // Nearly always the chunk has all of it: no copy.
      this.#endMeta(bytes, at, at + taken)
      return at + taken
    }
    if (this.#metaFilled === 0) this.#meta = Buffer.alloc(taken + this.#remaining)
    this.#meta.set(bytes.subarray(at, at + taken), this.#metaFilled)
    this.#metaFilled += taken
    if (this.#remaining === 0) {
      const payload = this.#meta
      this.#meta = EMPTY
      this.#endMeta(payload, 0, payload.length)
    }
    return at + taken
  }

  /** The payload is `bytes[start, end)`. */
  #endMeta(bytes: Buffer, start: number, end: number): void {
    this.#state = this.#padding > 0 ? State.padding : State.header
    this.#remaining = this.#padding
    if (this.#metaType === 0x4c) this.#gnu.path = untilNul(bytes, start, end)
    else if (this.#metaType === 0x4b) this.#gnu.linkname = untilNul(bytes, start, end)
    else if (this.#metaType === 0x67) this.#setGlobals(bytes, start, end)
    else this.#pax = parsePax(bytes, start, end, this.#place)
  }

  /** Attributes and sparse maps say nothing globally: nobody writes that, and uniting them with each member's is a bomb. */
  #setGlobals(bytes: Buffer, start: number, end: number): void {
    this.#globalBytes += end - start
    this.#bound(this.#globalBytes, 'global headers')
    const { xattrs: _, sparse: __, ...records } = parsePax(bytes, start, end, this.#place)
    this.#globals = { ...this.#globals, ...records }
  }

  #bound(bytes: number, what: string): void {
    if (bytes > this.#limits.headerBytes)
      failAt(this.#place, 'resource_exhausted', `${what} of more than ${this.#limits.headerBytes} bytes`)
  }

  #checkTotal(bytes: number): void {
    if (bytes + this.#holes > this.#limits.totalBytes)
      failAt(this.#place, 'resource_exhausted', `archive of more than ${this.#limits.totalBytes} bytes`)
  }

  // --- members

  #beginMember(header: Header, block: Buffer, at: number, offset: number): void {
    const pax: PaxRecords = this.#globals ? { ...this.#globals, ...this.#pax } : (this.#pax ?? NONE)
    const member = draftMember(header, pax, this.#gnu, this.#place)
    if (member.path === '' && member.type !== 'directory' && !this.#limits.nameless)
      malformed(this.#place, 'member without a name')
    this.#pax = undefined
    this.#gnu = {}
    if (++this.#entries > this.#limits.entries)
      failAt(this.#place, 'resource_exhausted', `archive of more than ${this.#limits.entries} members`)
    member.dataOffset = offset + BLOCK
    this.#member = member
    if (header.typeflag === 0x53) return this.#beginOldSparse(header, block, at)
    if (pax.sparse && member.type === 'file' && isSparse(pax.sparse)) return this.#beginPaxSparse(pax.sparse)
    this.#openMember(bodySize(header, member, pax))
  }

  #beginOldSparse(header: Header, block: Buffer, at: number): void {
    if (header.format !== 'gnu') malformed(this.#place, 'sparse member of an unknown format')
    this.#member!.size = numberField(block, at + 483, 12, this.#place, 'size')
    this.#sparse = []
    this.#sparseBytes = 0
    readSparseSlots(block, at + 386, 4, this.#sparse, this.#place)
    if (block[at + 482] === 0) this.#openSparse()
    else this.#state = State.sparseSlots
  }

  #onSparseSlots(block: Buffer, at: number, offset: number): void {
    this.#bound((this.#sparseBytes += BLOCK), 'sparse map')
    readSparseSlots(block, at, 21, this.#sparse, this.#place)
    this.#member!.dataOffset = offset + BLOCK
    if (block[at + 504] === 0) this.#openSparse()
  }

  #beginPaxSparse(sparse: PaxSparse): void {
    const { major = 0, minor = 0, size, map = [] } = sparse
    this.#member!.size = size ?? malformed(this.#place, 'sparse member without its size')
    if (major === 0) {
      this.#sparse = map
      return this.#openSparse()
    }
    if (major !== 1 || minor !== 0) failAt(this.#place, 'unimplemented', `sparse format ${major}.${minor}`)
    this.#sparseReader = new SparseMapReader()
    this.#sparseBytes = 0
    this.#state = State.sparseMap
  }

  #onSparseMap(block: Buffer, at: number, offset: number): void {
    const member = this.#member!
    this.#bound((this.#sparseBytes += BLOCK), 'sparse map')
    if (member.storedSize < BLOCK) malformed(this.#place, 'sparse map exceeds the member')
    member.storedSize -= BLOCK
    member.dataOffset = offset + BLOCK
    const map = this.#sparseReader.push(block, at, this.#place)
    if (!map) return
    this.#sparse = map
    this.#openSparse()
  }

  #openSparse(): void {
    const member = this.#member!
    member.sparse = sparseSegments(this.#sparse, member.size, member.storedSize, this.#place)
    this.#holes += member.size - member.storedSize
    this.#sparse = []
    this.#checkTotal(member.dataOffset)
    this.#openMember(member.storedSize)
  }

  #openMember(body: number): void {
    this.#handler.onEntry(this.#member!)
    this.#beginBody(body)
  }

  #beginBody(size: number): void {
    this.#remaining = size
    this.#padding = paddingOf(size)
    this.#cleanPadding = true
    if (size === 0) this.#finishMember()
    else this.#state = State.body
  }

  #takeBody(bytes: Buffer, at: number): number {
    const taken = Math.min(this.#remaining, bytes.length - at)
    this.#remaining -= taken
    const member = this.#member
    // A plain view: subarray of a Buffer costs ten times as much.
    if (member && member.storedSize > 0)
      this.#handler.onData?.(member, new Uint8Array(bytes.buffer, bytes.byteOffset + at, taken))
    if (this.#remaining === 0) {
      this.#remaining = this.#padding
      if (this.#padding > 0) this.#state = State.padding
      else this.#finishMember()
    }
    return at + taken
  }

  #takePadding(bytes: Buffer, at: number): number {
    const end = at + Math.min(this.#remaining, bytes.length - at)
    for (let i = at; i < end; i++) if (bytes[i] !== 0) this.#cleanPadding = false
    this.#remaining -= end - at
    if (this.#remaining === 0) this.#finishMember()
    return end
  }

  #finishMember(): void {
    const member = this.#member
    this.#member = undefined
    this.#state = State.header
    if (member) this.#handler.onEnd?.(member, this.#cleanPadding)
  }
}

/** Bytes from `size` to the next block. */
function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

/** A name alone (GNU.sparse.name) makes no member sparse. */
function isSparse(sparse: PaxSparse): boolean {
  return sparse.size !== undefined || sparse.map !== undefined || sparse.major !== undefined
}

function untilNul(bytes: Buffer, start: number, end: number): string {
  const nul = bytes.indexOf(0, start)
  return decodeName(bytes, start, nul < 0 ? end : Math.min(nul, end))
}
