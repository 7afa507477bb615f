import { fail, type ByteStream, type Call } from '#base'
import { gzip, verified, zstd } from '#codec'
import type { ContentProvider, Database, Lease } from '#content'
import { layerCompression, MediaType, type Compression, type Descriptor, type Digest } from '#oci'
import type { Parts } from '../parts.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS compressed_layer (
  diff_id TEXT NOT NULL,
  encoder TEXT NOT NULL,      -- another version may give other bytes
  digest TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (diff_id, encoder)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS compressed_layer_digest ON compressed_layer (digest);`

/** How a layer's tar is compressed. The same form gives the same bytes. */
export interface LayerForm {
  readonly compression: Exclude<Compression, 'none'>
  readonly level: number
}

/** Levels as the formats know them. */
export const LEVELS: Readonly<Record<LayerForm['compression'], readonly [number, number, number]>> = {
  gzip: [0, 9, 1],
  zstd: [1, 22, 3],
}

/** Whatever else gives other bytes: the library, and how it is used. */
const ENGINE = `members bun-${Bun.version}`

interface Row {
  readonly diff_id: Digest
  readonly encoder: string
  readonly digest: Digest
  readonly size: number
}

const DOCKER_TYPES = {
  none: MediaType.dockerLayer,
  gzip: MediaType.dockerLayerGzip,
  zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
} as const
const OCI_TYPES = { none: MediaType.ociLayer, gzip: MediaType.ociLayerGzip, zstd: MediaType.ociLayerZstd } as const

/** A layer's media type in another compression, of the same family. */
export function layerType(mediaType: string, compression: Compression): string {
  return (mediaType.startsWith('application/vnd.docker.') ? DOCKER_TYPES : OCI_TYPES)[compression]
}

/** True for a layer that is compressed on its way to a registry; one that may not be distributed stays as it is. */
export function isPlainLayer({ mediaType }: Descriptor): boolean {
  return mediaType === MediaType.ociLayer || mediaType === MediaType.dockerLayer
}

/** A layer by the tar inside it, and what else its descriptor says. */
export interface PlainLayer {
  readonly diffId: Digest
  readonly descriptor: Descriptor
  tar(call?: Call): Promise<ByteStream>
}

/**
 * The descriptor of a layer's compressed form, which depends on the layer alone. The first time the layer is
 * compressed into the store, for as long as the lease lasts; from then on the digest is known, and bytes are made
 * when they are read.
 */
export async function compressedLayer(
  parts: Parts,
  layer: PlainLayer,
  { form, lease }: { readonly form: LayerForm; readonly lease: Lease },
  call?: Call,
): Promise<Descriptor> {
  const { db } = parts
  db.schema(SCHEMA)
  const { diffId } = layer
  const { mediaType: given, digest: _digest, size: _size, ...rest } = layer.descriptor
  const mediaType = layerType(given, form.compression)
  const encoder = encoderOf(form)
  const known = db.get<Row>('SELECT * FROM compressed_layer WHERE diff_id = ? AND encoder = ?', diffId, encoder)
  const layers = await parts.layers()
  if (known && layers.stat(diffId)) {
    lease.add(known.digest)
    return { mediaType, digest: known.digest, size: known.size, ...rest }
  }
  const store = await parts.store()
  await using ingest = await store.leased(lease).ingest(`${form.compression} ${diffId} ${lease.id}`, call)
  const here = layers.stat(diffId)
  const tar = here
    ? await layers.open({ mediaType: MediaType.ociLayer, digest: diffId, size: here.tarSize }, call)
    : await layer.tar(call)
  for await (const chunk of encoded(tar, form, call)) await ingest.write(chunk)
  const made = await ingest.commit(mediaType)
  db.run('INSERT OR REPLACE INTO compressed_layer VALUES (?, ?, ?, ?)', diffId, encoder, made.digest, made.size)
  return { ...made, ...rest }
}

/** Compressed layers whose bytes are not kept, made again from the layers' files. */
export async function recompressed(parts: Parts): Promise<ContentProvider> {
  parts.db.schema(SCHEMA)
  const layers = await parts.layers()
  const source = (d: Descriptor): (Row & { form: LayerForm }) | undefined => {
    for (const row of rowsOf(parts.db, d.digest)) {
      const form = formOf(row.encoder)
      if (form && row.size === d.size && layers.stat(row.diff_id)) return { ...row, form }
    }
    return undefined
  }
  return {
    has: async (d) => source(d) !== undefined,
    open: async (d, call) => {
      const row = source(d) ?? fail('not_found', `blob ${d.digest} is not here`)
      if (call?.offset) fail('invalid_argument', 'a layer that is compressed on the way is read from its beginning')
      const { tarSize: size } = layers.stat(row.diff_id)!
      const tar = await layers.open({ mediaType: MediaType.ociLayer, digest: row.diff_id, size }, call)
      return verified(encoded(tar, row.form, call), d)
    },
  }
}

/** Bytes of a compressed layer that can be made again; undefined for what is none. */
export function recompressedSize(parts: Parts, digest: Digest): number | undefined {
  parts.db.schema(SCHEMA)
  return rowsOf(parts.db, digest).find((row) => formOf(row.encoder))?.size
}

/** True for a compression that a media type names. */
export function isInForm({ mediaType }: Descriptor, compression: Compression): boolean {
  return layerCompression(mediaType) === compression
}

function encoded(tar: ByteStream, { compression, level }: LayerForm, call?: Call): ByteStream {
  const encode = compression === 'gzip' ? gzip : zstd
  return encode(tar, { level }, call)
}

function rowsOf(db: Database, digest: Digest): Row[] {
  return db.all<Row>('SELECT * FROM compressed_layer WHERE digest = ?', digest)
}

function encoderOf({ compression, level }: LayerForm): string {
  return `${compression}-${level} ${ENGINE}`
}

/** Undefined for what another version wrote. */
function formOf(encoder: string): LayerForm | undefined {
  const [, compression, level] = /^(gzip|zstd)-(\d+) /.exec(encoder) ?? []
  if (!encoder.endsWith(` ${ENGINE}`) || compression === undefined) return undefined
  return { compression: compression as LayerForm['compression'], level: Number(level) }
}
