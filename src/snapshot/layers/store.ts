import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { checkCanceled, fail, isCode, type ByteStream, type Call } from '#base'
import { EXPANSION, sized, verified, type ErofsSummary, type Expansion } from '#codec'
import type { Collectable, ContentStore, Database, StoredBlob } from '#content'
import { hexOf, isDigest, parseDigest, type Descriptor, type Digest } from '#oci'
import { lock, lstat, processAlive, processStartTime, tryLock, type FileLock } from '#sys'
import { fixUpOf } from '../chain/chain.ts'
import type { LayerFormat, LayerInfo } from '../types.ts'
import { unpackLayer, verifyTree } from './directory.ts'
import { both, createLayerFile, feed, type LayerFile } from './file.ts'
import { readTarOf } from './read.ts'
import { digestsOf, fileSignature, signatureOf } from './signature.ts'
import { LayerTable, quirksOf, type LayerRow } from './table.ts'
import { layerPath } from './there.ts'
import type { DiskLayers, LayerPlace } from './types.ts'

/**
 * Opens (or makes) the layers under `root`:
 *
 *     <root>/layers/sha256/<hex>.erofs   [superblock][the tar, verbatim][metadata], read-only
 *     <root>/layers/sha256/<hex>/        the same unpacked, where the kernel cannot mount the file
 *     <root>/layers/tmp/…                being written: unseen until renamed
 *     <root>/layers/locks/<2 digits>     who writes a layer whose digits begin so
 */
export function openLayerStore(options: {
  readonly root: string
  readonly run: string
  readonly db: Database
  readonly format: LayerFormat
  readonly expansion?: Expansion
}): DiskLayers {
  const directory = join(options.root, 'layers')
  for (const name of ['sha256', 'tmp', 'locks']) mkdirSync(join(directory, name), { recursive: true, mode: 0o700 })
  return new FileLayers(directory, options.format, new LayerTable(options.db), options.expansion ?? EXPANSION)
}

/** What a caller can do about damage. */
const CURE = 'load or pull the image again'

let sequence = 0

class FileLayers implements DiskLayers {
  readonly format: LayerFormat
  readonly #directory: string
  readonly #table: LayerTable
  readonly #expansion: Expansion

  constructor(directory: string, format: LayerFormat, table: LayerTable, expansion: Expansion) {
    this.#directory = directory
    this.format = format
    this.#table = table
    this.#expansion = expansion
  }

  // --- reading

  stat(diffId: Digest): LayerInfo | undefined {
    const row = this.#table.get(diffId)
    return row && lstat(this.#path(diffId)) ? this.#info(row) : undefined
  }

  *list(): Generator<LayerInfo, void, void> {
    for (const row of this.#table.all()) if (lstat(this.#path(row.diff_id))) yield this.#info(row)
  }

  async has(d: Descriptor): Promise<boolean> {
    return this.stat(d.digest)?.tarSize === d.size
  }

  async open(d: Descriptor, call: Call & { readonly offset?: number } = {}): Promise<ByteStream> {
    checkCanceled(call)
    const row = this.#row(d.digest)
    const { offset = 0 } = call
    if (row.tar_size !== d.size) fail('not_found', `layer ${d.digest} has ${row.tar_size} bytes, not ${d.size}`)
    if (offset < 0 || offset > d.size)
      fail('invalid_argument', `offset ${offset} is outside a layer of ${d.size} bytes`)
    const bytes = readTarOf(this.#path(d.digest), row.tar_size, offset, call)
    return offset === 0 ? this.#whole(verified(bytes, d), d.digest) : bytes
  }

  async *#whole(bytes: ByteStream, diffId: Digest): ByteStream {
    try {
      yield* bytes
    } catch (error) {
      if (!isCode(error, 'data_loss')) throw error
      this.#refuseDamaged(diffId, 'is not what was written')
    }
  }

  #refuseDamaged(diffId: Digest, how: string): never {
    fail('data_loss', `layer ${diffId} is damaged: ${this.#path(diffId)} ${how}`, { hint: CURE })
  }

  // --- writing

  async add(
    layer: { readonly descriptor: Descriptor; readonly diffId: Digest },
    open: () => Promise<ByteStream>,
    keep?: ContentStore,
    call?: Call,
  ): Promise<LayerInfo> {
    const { descriptor, diffId } = layer
    using _ = await this.#lock(diffId, call)
    // An uncompressed blob is the tar itself: the layer file keeps it.
    const store = descriptor.digest === diffId || (await keep?.has(descriptor, call)) ? undefined : keep
    const there = await this.#intact(diffId, call)
    if (there) {
      if (store) await store.put(descriptor, await open(), call)
      return there
    }
    await using file = createLayerFile(this.#temporary(), { expansion: this.#expansion, pastCache: true })
    return await this.#publish(file, await this.#fill(file, layer, open, store, call), 0, call)
  }

  async #fill(
    file: LayerFile,
    { descriptor, diffId }: { readonly descriptor: Descriptor; readonly diffId: Digest },
    open: () => Promise<ByteStream>,
    store: ContentStore | undefined,
    call?: Call,
  ): Promise<ErofsSummary> {
    if (!store) {
      // The diff ID says all about a blob that it is the digest of.
      const check = descriptor.digest === diffId ? sized : verified
      await feed(file, check(await open(), descriptor), undefined, call)
      return file.finish(diffId)
    }
    await using ingest = await store.ingest(`layer ${descriptor.digest}`, { ...call, pastCache: true })
    let passed = 0
    // What an interrupted run has kept already is not written again; commit judges the whole.
    const keep = async (chunk: Uint8Array): Promise<void> => {
      const known = Math.min(chunk.length, Math.max(0, ingest.offset - passed))
      passed += chunk.length
      if (passed > descriptor.size)
        fail('data_loss', `content of ${descriptor.digest} is longer than its ${descriptor.size} bytes`)
      if (known < chunk.length) await ingest.write(chunk.subarray(known))
    }
    try {
      await feed(file, await open(), keep, call)
      return await both(ingest.commit(descriptor.mediaType, descriptor), file.finish(diffId))
    } catch (error) {
      if (!isCode(error, 'canceled') && !isCode(error, 'unavailable')) await ingest.abort()
      throw error
    }
  }

  async create(tar: ByteStream, call?: Call): Promise<LayerInfo> {
    await using file = createLayerFile(this.#temporary(), { expansion: this.#expansion })
    await feed(file, tar, undefined, call)
    const summary = await file.finish()
    using _ = await this.#lock(summary.diffId, call)
    return (await this.#intact(summary.diffId, call)) ?? (await this.#publish(file, summary, 0, call))
  }

  /** Under the layer's lock. */
  async #publish(file: LayerFile, summary: ErofsSummary, fixUp: 0 | 1, call?: Call): Promise<LayerInfo> {
    const path = this.#path(summary.diffId)
    file.publish(path)
    this.#table.put(rowOf(summary, path, fixUp))
    if (this.format === 'directory') await this.#unpack(summary.diffId, summary.tarSize, call)
    return this.#info(this.#row(summary.diffId))
  }

  async remove(diffId: Digest): Promise<void> {
    using _ = await this.#lock(diffId)
    this.#removeNow(diffId)
  }

  collectable(): Collectable {
    return {
      entries: () => this.#entries(),
      remove: (diffId) => this.#removeNow(diffId),
    }
  }

  *#entries(): Generator<StoredBlob, void, void> {
    for (const row of this.#table.all()) {
      const file = lstat(this.#path(row.diff_id))
      const added = file === undefined ? 0 : Number(file.mtime / 1_000_000n)
      yield { digest: row.diff_id, size: this.#info(row).diskSize, added }
    }
  }

  #removeNow(diffId: Digest): void {
    for (const gone of [diffId, ...this.#table.remove(diffId)]) {
      rmSync(this.#path(gone), { force: true })
      rmSync(this.#tree(gone), { recursive: true, force: true })
    }
  }

  // --- verifying

  async verify(diffId: Digest, call?: Call): Promise<void> {
    const row = this.#row(diffId)
    const path = this.#path(diffId)
    const signature = fileSignature(path)
    if (signature === undefined) this.#refuseDamaged(diffId, 'is gone')
    if (signature !== row.signature) {
      const { tar, meta } = await digestsOf(path, row.tar_size, call)
      if (tar !== diffId || meta !== row.meta_digest) this.#refuseDamaged(diffId, 'is not what was written')
      // Taken before the bytes were read: a write since then shows the next time.
      this.#table.setSignature(diffId, signature)
    }
    if (this.format === 'directory') await this.#verifyTree(diffId, row.tar_size, call)
  }

  async #verifyTree(diffId: Digest, tarSize: number, call?: Call): Promise<void> {
    const row = this.#table.tree(diffId)
    if (!row || !lstat(this.#tree(diffId))) return this.#unpackLocked(diffId, tarSize, call)
    const now = await verifyTree(this.#tree(diffId), row, `layer ${diffId} is damaged`, call)
    if (now !== row) this.#table.putTree(diffId, now)
  }

  /** The layer, if it is there and whole; what is damaged is written again. */
  async #intact(diffId: Digest, call?: Call): Promise<LayerInfo | undefined> {
    const row = this.#table.get(diffId)
    if (!row || fileSignature(this.#path(diffId)) === undefined) return undefined
    try {
      if (this.format === 'directory') await this.#verifyUnpacked(diffId, row, call)
      else await this.verify(diffId, call)
      return this.#info(row)
    } catch (error) {
      if (!isCode(error, 'data_loss')) throw error
      return undefined
    }
  }

  /** Under the layer's lock: unpacks without taking it again. */
  async #verifyUnpacked(diffId: Digest, row: LayerRow, call?: Call): Promise<void> {
    if (!this.#table.tree(diffId) || !lstat(this.#tree(diffId))) await this.#unpack(diffId, row.tar_size, call)
    await this.verify(diffId, call)
  }

  // --- unpacked layers

  async #unpackLocked(diffId: Digest, tarSize: number, call?: Call): Promise<void> {
    using _ = await this.#lock(diffId, call)
    if (this.#table.tree(diffId) && lstat(this.#tree(diffId))) return
    await this.#unpack(diffId, tarSize, call)
  }

  async #unpack(diffId: Digest, tarSize: number, call?: Call): Promise<void> {
    this.#table.putTree(diffId, await unpackLayer(this.#path(diffId), tarSize, this.#tree(diffId), call))
  }

  // --- places

  place(diffId: Digest, run: string): LayerPlace {
    if (this.format === 'directory') return { path: this.#tree(diffId) }
    const path = join(run, 'layers', hexOf(diffId))
    const loop = this.format === 'erofs-loop'
    return { path, mount: { type: 'erofs', source: this.#path(diffId), target: path, loop } }
  }

  async fixUp(layers: readonly Digest[], call?: Call): Promise<Digest | undefined> {
    const rows = layers.map((diffId) => this.#row(diffId))
    if (!rows.slice(1).some(isQuirky)) return undefined
    const known = this.#table.fixUp(layers)
    if (known === null) return undefined
    if (known !== undefined) {
      using _ = await this.#lock(known, call)
      if (await this.#intact(known, call)) return known
    }
    return this.#makeFixUp(layers, rows, call)
  }

  async #makeFixUp(layers: readonly Digest[], rows: readonly LayerRow[], call?: Call): Promise<Digest | undefined> {
    const chain = rows.map((row) => ({ file: this.#path(row.diff_id), tarSize: row.tar_size }))
    const entries = await fixUpOf(chain, call)
    if (entries.length === 0) {
      this.#table.putFixUp(layers, null)
      return undefined
    }
    await using file = createLayerFile(this.#temporary())
    const summary = await file.finishWith(entries)
    using _ = await this.#lock(summary.diffId, call)
    if (!(await this.#intact(summary.diffId, call))) await this.#publish(file, summary, 1, call)
    this.#table.putFixUp(layers, summary.diffId)
    return summary.diffId
  }

  // --- names

  #row(diffId: Digest): LayerRow {
    const row = this.#table.get(diffId)
    return row ?? fail('not_found', `layer ${diffId} is not in the store`, { hint: CURE })
  }

  #info(row: LayerRow): LayerInfo {
    const unpacked = this.#table.tree(row.diff_id)?.disk_size ?? 0
    return { diffId: row.diff_id, tarSize: row.tar_size, diskSize: row.disk_size + unpacked }
  }

  #path(diffId: Digest): string {
    return `${this.#tree(diffId)}.erofs`
  }

  #tree(diffId: Digest): string {
    return layerPath(this.#directory, diffId)
  }

  #lock(diffId: Digest, call?: Call): Promise<FileLock> {
    return lock(this.#lockPath(diffId), {}, call)
  }

  #lockPath(diffId: Digest): string {
    return join(this.#directory, 'locks', hexOf(parseDigest(diffId)).slice(0, 2))
  }

  #temporary(): string {
    return join(this.#directory, 'tmp', `${process.pid}-${processStartTime(process.pid)}-${++sequence}`)
  }

  removeStale(): void {
    for (const name of readdirSync(join(this.#directory, 'tmp'))) {
      const [pid, start] = name.split('-').map(Number)
      if (!processAlive(pid ?? 0, start)) rmSync(join(this.#directory, 'tmp', name), { force: true })
    }
    for (const name of readdirSync(join(this.#directory, 'sha256'))) this.#removeUnknown(name)
  }

  /** What was renamed to its place by a process that was killed before it could say so. */
  #removeUnknown(name: string): void {
    const digest = `sha256:${name.slice(0, SHA256_HEX)}`
    if (!isDigest(digest) || this.#table.get(digest)) return
    using held = tryLock(this.#lockPath(digest))
    if (held && !this.#table.get(digest))
      rmSync(join(this.#directory, 'sha256', name), { recursive: true, force: true })
  }
}

const SHA256_HEX = 64

function isQuirky(row: LayerRow): boolean {
  const { impliedDirectories, absentLinks, opaqueRoot, replacedDirectory } = quirksOf(row)
  // Every layer may leave the root to the one above.
  return opaqueRoot || replacedDirectory || absentLinks.length > 0 || impliedDirectories.some((path) => path !== '')
}

function rowOf(summary: ErofsSummary, path: string, fixUp: 0 | 1): LayerRow {
  const stat = lstat(path) ?? fail('internal', `${path} is gone`)
  return {
    diff_id: summary.diffId,
    tar_size: summary.tarSize,
    disk_size: stat.allocated,
    meta_digest: summary.metaDigest,
    signature: signatureOf(stat),
    quirks: JSON.stringify(summary.quirks),
    fix_up: fixUp,
  }
}
