import { chmodSync, fsyncSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { CairnError, checkCanceled, fail, messageOf, type ByteStream, type Call } from '#base'
import {
  createAheadInflater,
  createErofsWriter,
  detectCompression,
  EXPANSION,
  refuseBomb,
  type Expansion,
  type ErofsInput,
  type ErofsSummary,
  type ErofsWriter,
  type AheadInflater,
  type TakeBytes,
  writeErofs,
} from '#codec'
import type { Digest } from '#oci'
import { close, isErrno, O, openPath } from '#sys'
import { syncData } from './read.ts'
import { writeBehind } from './writebehind.ts'

/** A layer file being written under a temporary name. */
export interface LayerFile extends AsyncDisposable {
  /** The next bytes of the blob, compressed or not; they may change when this resolves. */
  write(chunk: Uint8Array): Promise<void>
  /** Checks the diff ID, if it is known, and brings the file to the disk. */
  finish(diffId?: Digest): Promise<ErofsSummary>
  /** Instead of `write` and `finish`: a layer of these entries. */
  finishWith(entries: readonly ErofsInput[]): Promise<ErofsSummary>
  /** Gives the finished file its name. */
  publish(path: string): void
}

/**
 * After each so many inodes the collector is told to begin, and after a layer that has more: it thinks little of typed
 * arrays, and waits until there is as much garbage as there are columns. A collection takes 3 ms.
 */
const MANY = 4096

/** Six bytes tell every compression. */
const MAGIC = 6

export interface LayerFileOptions {
  /** What becomes larger is refused as a bomb. */
  readonly expansion?: Expansion
  /**
   * Large pieces go past the page cache: for what was fetched or loaded, of which a container reads a part some day.
   * What a build step made is read by the next.
   */
  readonly pastCache?: boolean
}

/** Disposing before `publish` removes the file. */
export function createLayerFile(
  temporary: string,
  { expansion = EXPANSION, pastCache = false }: LayerFileOptions = {},
): LayerFile {
  mkdirSync(dirname(temporary), { recursive: true, mode: 0o700 })
  rmSync(temporary, { force: true })
  const fd = openPath(temporary, O.RDWR | O.CREAT | O.EXCL)
  let published = false
  const sink = writeBehind(fd, pastCache ? temporary : undefined)
  const image: ErofsWriter = createErofsWriter(sink)
  let [taken, passed] = [0, 0]
  let sweep = MANY
  const write = (bytes: Uint8Array): void => {
    image.write(bytes)
    if (image.inodes < sweep) return
    Bun.gc(true)
    sweep = image.inodes + MANY
  }
  const input = createInput((bytes, lasting) => {
    const most = expansion.bytes + expansion.ratio * taken
    if ((passed += bytes.length) > most) refuseBomb(most)
    if (!lasting) return write(bytes)
    sink.lend(bytes.buffer)
    write(bytes)
    return sink.lent()
  })
  const synced = async (make: () => Promise<ErofsSummary>): Promise<ErofsSummary> => {
    const summary = await explained(temporary, make)
    await syncData(fd).catch((error: unknown) => refuse(temporary, error))
    if (summary.inodes > MANY) Bun.gc(true)
    return summary
  }
  return {
    write: (chunk) => {
      taken += chunk.length
      return explained(temporary, () => input.write(chunk))
    },
    finish: (diffId) =>
      synced(async () => {
        await input.end()
        return image.finish(diffId)
      }),
    finishWith: (entries) => synced(async () => writeErofs(sink, entries)),
    publish(path) {
      chmodSync(temporary, 0o444)
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      renameSync(temporary, path)
      published = true
      syncDirectory(dirname(path))
    },
    async [Symbol.asyncDispose]() {
      input.close()
      // The descriptor's number may be another file's a moment later.
      await sink.settled()
      close(fd)
      if (!published) rmSync(temporary, { force: true })
    },
  }
}

/** Inflates by what the first bytes say: media types are sometimes wrong, magic numbers never. */
function createInput(onBytes: TakeBytes): AheadInflater {
  let head = new Uint8Array()
  let inflater: AheadInflater | undefined
  const begin = async (): Promise<AheadInflater> => {
    const compression = detectCompression(head)
    if (compression === 'bzip2' || compression === 'xz')
      fail('unimplemented', `a layer compressed with ${compression}`, { hint: 'recompress it with gzip or zstd' })
    inflater = await createAheadInflater(compression, onBytes)
    await inflater.write(head)
    return inflater
  }
  return {
    async write(chunk) {
      if (inflater) return inflater.write(chunk)
      head = Buffer.concat([head, chunk])
      if (head.length >= MAGIC) await begin()
    },
    async end() {
      await (inflater ?? (await begin())).end()
    },
    close: () => inflater?.close(),
  }
}

async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    return refuse(path, error)
  }
}

function refuse(path: string, error: unknown): never {
  if (error instanceof CairnError) throw error
  if (isErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG'))
    fail('resource_exhausted', `no space left for layer file ${path}`, {
      hint: 'free some space, for example with `cairn system prune`',
      cause: error,
    })
  return fail('internal', `layer file ${path}: ${messageOf(error)}`, { cause: error })
}

/** A rename survives a power cut once its directory is on the disk. */
function syncDirectory(path: string): void {
  const fd = openPath(path, O.RDONLY | O.DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    close(fd)
  }
}

/** What the second comes to, once both have ended; the error is the first's, if it has one. */
export async function both<T>(first: Promise<unknown>, second: Promise<T>): Promise<T> {
  const [one, two] = await Promise.allSettled([first, second])
  if (one.status === 'rejected') throw one.reason
  if (two.status === 'rejected') throw two.reason
  return two.value
}

/**
 * Bytes that are handed on at once: a body comes in pieces of 128 KiB, and for each that is handed to another thread
 * two threads are woken. They begin at a page's beginning, as `openDirect` wants them.
 */
const BLOCK = 512 << 10

/** Feeds a blob to a layer file, and to whoever keeps the blob: one block is taken in while the last is worked on. */
export async function feed(
  file: LayerFile,
  blob: ByteStream,
  keep?: (chunk: Uint8Array) => Promise<void>,
  call?: Call,
): Promise<void> {
  let [block, other] = [new Uint8Array(BLOCK), new Uint8Array(BLOCK)]
  let filled = 0
  let working: Promise<void> = Promise.resolve()
  const work = (bytes: Uint8Array): void => {
    working = keep ? both(file.write(bytes), keep(bytes)) : file.write(bytes)
    // Its failure is heard when the next is handed on.
    working.catch(() => undefined)
  }
  try {
    for await (const chunk of blob) {
      checkCanceled(call)
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + BLOCK - filled)
        block.set(part, filled)
        filled += part.length
        at += part.length
        if (filled < BLOCK) continue
        await working
        work(block)
        ;[block, other] = [other, block]
        filled = 0
      }
    }
  } finally {
    await working
    // What has come of a transfer that breaks is kept, too.
    work(block.subarray(0, filled))
    await working
  }
}
