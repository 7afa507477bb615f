import { fail } from '#base'
import type { Compression } from '#oci'
import { EMPTY, finishFlag, inflateFailure, isPadding, openZlib } from './engine.ts'
import type { InflateFormat, ZlibHandle } from './engine.ts'
import { createInflater } from './inflate.ts'
import { createFrameWalker } from './zstdframes.ts'

/** A decompressor that works on another thread while the caller's is busy with what came before. */
export interface AheadInflater {
  /**
   * The next bytes of the input; they may change when this resolves. What they inflate to is handed out in pieces
   * of one size: the last that is full, and what begins the next one, are left for the calls that follow.
   */
  write(chunk: Uint8Array): Promise<void>
  /** The input ended here; `data_loss` if that is too early. */
  end(): Promise<void>
  /** For who gives up before the end; not while a call is under way. */
  close(): void
}

/**
 * Takes inflated bytes. When `lasting`, they stay as they are until the promise that it answers with settles,
 * should that be later than its return; otherwise it must be done with them when it returns.
 */
export type TakeBytes = (bytes: Uint8Array, lasting: boolean) => Promise<void> | void

/**
 * As {@link createInflater}, a thread ahead: on a layer of 170 MB this takes inflating (250 ms) off the
 * way of hashing and writing. Where the runtime has no such interface, everything is done in step.
 */
export async function createAheadInflater(compression: Compression, onBytes: TakeBytes): Promise<AheadInflater> {
  if (compression === 'none')
    return { write: async (chunk) => onBytes(chunk, true), end: async () => undefined, close: () => undefined }
  if (await probe(compression)) return new ThreadInflater(compression, openThread(compression)!, onBytes)
  const inflater = createInflater(compression, (bytes) => void onBytes(bytes, false))
  return {
    write: async (chunk) => inflater.write(chunk),
    end: async () => inflater.end(),
    close: () => inflater.close(),
  }
}

const probed = new Map<InflateFormat, Promise<boolean>>()

/** Once per process: does the handle do what it is taken to do? */
function probe(format: InflateFormat): Promise<boolean> {
  const known = probed.get(format) ?? inflatesSample(format)
  probed.set(format, known)
  return known
}

async function inflatesSample(format: InflateFormat): Promise<boolean> {
  const zlib = process.getBuiltinModule('node:zlib')
  try {
    const thread = openThread(format)
    if (!thread) return false
    const sample = Buffer.alloc(1000, 'probe')
    const packed = format === 'gzip' ? zlib.gzipSync(sample) : zlib.zstdCompressSync(sample)
    const parts: Buffer[] = []
    const inflater = new ThreadInflater(format, thread, (bytes) => void parts.push(Buffer.from(bytes)))
    await inflater.write(packed)
    await inflater.end()
    return Buffer.concat(parts).equals(sample)
  } catch {
    return false
  }
}

/** The native object with a callback of ours; `write` goes to a thread of the runtime's pool. */
interface Thread {
  readonly handle: ZlibHandle
  /** Room left in the output and bytes left of the input, after each write. */
  readonly state: Uint32Array
  onDone: (error?: { readonly message: string; readonly code: string }) => void
}

function openThread(format: InflateFormat): Thread | undefined {
  const zlib = process.getBuiltinModule('node:zlib')
  const known = openZlib(format)
  if (!known) return undefined
  const { constructor } = known.handle as unknown as { constructor: new (mode: number) => ZlibHandle }
  known.handle.close()
  const { GUNZIP, ZSTD_DECOMPRESS = 0 } = zlib.constants as { GUNZIP: number; ZSTD_DECOMPRESS?: number }
  const handle = new constructor(format === 'gzip' ? GUNZIP : ZSTD_DECOMPRESS)
  if (typeof handle.write !== 'function' || typeof handle.init !== 'function') return undefined
  const thread: Thread = { handle, state: new Uint32Array(2), onDone: () => undefined }
  const done = (): void => thread.onDone()
  if (format === 'gzip') handle.init(15, -1, 8, 0, thread.state, done, undefined)
  else handle.init(new Uint32Array(1).fill(-1), undefined, thread.state, done)
  handle.onerror = (message, _, code) => thread.onDone({ message, code })
  return thread
}

/**
 * Bytes of an output: more than half a MiB of input mostly makes, for each step is handed over between threads. All
 * but the last are full, so that whoever writes them to a file writes whole pages of memory to whole blocks of it.
 * There are three: one is filled, one is read, one is still used by whoever took it.
 */
const OUTPUT_SIZE = 2 << 20
const OUTPUTS = 3
const NONE = -1

class ThreadInflater implements AheadInflater {
  readonly #format: InflateFormat
  readonly #thread: Thread
  readonly #onBytes: TakeBytes
  readonly #outputs: readonly Uint8Array[] = Array.from({ length: OUTPUTS }, () => new Uint8Array(OUTPUT_SIZE))
  /** For each output, until when it is in use. */
  readonly #used: (Promise<void> | void)[] = []
  /** The output that is being filled, and how far it is. */
  #turn = 0
  #filled = 0
  /** The one before, full, which has not been handed out yet. */
  #ready = NONE
  readonly #frames: ReturnType<typeof createFrameWalker> | undefined
  /** The last member has ended and zeros follow. */
  #trailing = false
  #closed = false

  constructor(format: InflateFormat, thread: Thread, onBytes: TakeBytes) {
    this.#format = format
    this.#thread = thread
    this.#onBytes = onBytes
    this.#frames = format === 'zstd' ? createFrameWalker() : undefined
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      this.#frames?.push(chunk)
      if (chunk.length > 0) await this.#inflate(chunk)
    } catch (error) {
      this.close()
      throw error
    }
  }

  async #inflate(chunk: Uint8Array): Promise<void> {
    let at = 0
    while (!this.#trailing) {
      const room = await this.#step(0, chunk, at)
      at = chunk.length - this.#thread.state[1]!
      if (room === 0) continue
      if (at === chunk.length) return
      // Input left and room for output: the library has seen the end and will take no more.
      this.#trailing = true
    }
    if (!isPadding(this.#format, chunk, at)) fail('data_loss', `${this.#format}: data behind the end`)
  }

  async end(): Promise<void> {
    try {
      this.#frames?.end()
      if (!this.#trailing) await this.#step(finishFlag(this.#format), EMPTY, 0)
      this.#handOut()
      if (this.#filled > 0) this.#give(this.#turn, this.#filled)
      for (const used of this.#used) await used
    } finally {
      this.close()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#thread.handle.close()
  }

  /** Hands out what is ready while the thread makes more; the room left in its output. */
  async #step(flush: number, chunk: Uint8Array, at: number): Promise<number> {
    if (this.#closed) fail('failed_precondition', `${this.#format}: the inflater has been closed`)
    if (this.#filled === OUTPUT_SIZE) {
      this.#ready = this.#turn
      this.#turn = (this.#turn + 1) % OUTPUTS
      this.#filled = 0
      await this.#used[this.#turn]
    }
    const running = this.#run(flush, chunk, at, this.#outputs[this.#turn]!, this.#filled)
    try {
      this.#handOut()
    } finally {
      // Not before the thread is done with the buffers.
      await running
    }
    const room = this.#thread.state[0]!
    this.#filled = OUTPUT_SIZE - room
    return room
  }

  #handOut(): void {
    const ready = this.#ready
    this.#ready = NONE
    if (ready !== NONE) this.#give(ready, OUTPUT_SIZE)
  }

  #give(turn: number, length: number): void {
    const used = this.#onBytes(this.#outputs[turn]!.subarray(0, length), true)
    // Its failure is heard when the output is wanted again.
    used?.catch(() => undefined)
    this.#used[turn] = used
  }

  async #run(flush: number, chunk: Uint8Array, at: number, output: Uint8Array, to: number): Promise<void> {
    const error = await new Promise<Parameters<Thread['onDone']>[0]>((resolve) => {
      this.#thread.onDone = resolve
      this.#thread.handle.write(flush, chunk, at, chunk.length - at, output, to, OUTPUT_SIZE - to)
    })
    if (error) inflateFailure(this.#format, error)
  }
}
