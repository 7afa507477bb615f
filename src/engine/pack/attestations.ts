import { collect, fail, text, type Call } from '#base'
import { readDocument } from '#content'
import { Annotation, hexOf, isDigest, MediaType, parseManifest, type Descriptor, type Digest } from '#oci'
import type { Packing } from './pack.ts'

/** Bytes of one statement: an SBOM of a large image has some. */
const STATEMENT_LIMIT: number = 64 << 20
const STATEMENT_TYPE = 'application/vnd.in-toto+json'

/**
 * An index's entry that is about one of its images, made to be about that image as it leaves: its manifest's
 * subject and its statements' name the new digest. Anything else stays as it is.
 */
export async function repointed(
  packing: Packing,
  entry: Descriptor,
  packed: ReadonlyMap<Digest, Descriptor>,
  call?: Call,
): Promise<Descriptor> {
  const about = entry.annotations?.[Annotation.dockerReferenceDigest]
  const image = about !== undefined && isDigest(about) ? packed.get(about) : undefined
  if (about === undefined || !image) return entry
  const { content, made, options } = packing
  const bytes = await readDocument(content, entry, call)
  const manifest = parseManifest(bytes, entry.mediaType)
  const isPlain = options.artifacts === false && manifest.artifactType !== undefined
  if (image.digest === about && !isPlain) return entry
  const layers: Descriptor[] = []
  for (const layer of manifest.layers)
    layers.push(
      layer.mediaType === STATEMENT_TYPE
        ? await restated(packing, layer, [about as Digest, image.digest], call)
        : layer,
    )
  const { mediaType, digest, size } = image
  const { subject: _, artifactType, ...document } = JSON.parse(text(bytes)) as Record<string, unknown>
  const subject = manifest.subject ? { subject: { mediaType, digest, size } } : {}
  const own = await made.add(entry.mediaType, {
    ...document,
    ...(isPlain ? { config: await emptyImage(packing, layers) } : artifactType === undefined ? {} : { artifactType }),
    layers,
    ...(isPlain ? {} : subject),
  })
  const annotations = { ...entry.annotations, [Annotation.dockerReferenceDigest]: digest }
  return { ...own, ...(entry.platform && { platform: entry.platform }), annotations }
}

/** The config that BuildKit gave to attestations before they were artifacts. */
function emptyImage({ made }: Packing, layers: readonly Descriptor[]): Promise<Descriptor> {
  return made.add(MediaType.ociConfig, {
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  })
}

/** Anybody may have written it. */
function parseStatement(bytes: Uint8Array, { digest }: Descriptor): Statement {
  try {
    const value: unknown = JSON.parse(text(bytes))
    const { subject } = Object(value) as { subject?: unknown }
    if (typeof value === 'object' && (subject === undefined || Array.isArray(subject)))
      return Object(value) as Statement
  } catch {
    // Told below.
  }
  return fail('invalid_argument', `the attestation ${digest} is no in-toto statement`)
}

interface Statement {
  readonly subject?: readonly { readonly digest?: Readonly<Record<string, string>> }[]
}

/** A statement with one subject's digest replaced; the rest of it is none of our business. */
async function restated(
  { content, made }: Packing,
  layer: Descriptor,
  [before, after]: readonly [Digest, Digest],
  call?: Call,
): Promise<Descriptor> {
  const bytes = await collect(await content.open(layer, call), Math.min(layer.size, STATEMENT_LIMIT))
  const statement = parseStatement(bytes, layer)
  const subject = (statement.subject ?? []).map((item) =>
    item.digest?.['sha256'] === hexOf(before) ? { ...item, digest: { sha256: hexOf(after) } } : item,
  )
  const { digest: _digest, size: _size, ...rest } = layer
  return { ...rest, ...(await made.add(layer.mediaType, { ...statement, subject })) }
}
