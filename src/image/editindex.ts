import { fail, text, utf8 } from '#base'
import {
  Annotation,
  describe,
  encodeDocument,
  formatPlatform,
  isAttestation,
  isDigest,
  normalizePlatform,
  parseIndex,
  parsePlatform,
} from '#oci'
import type { Descriptor, EncodedDocument, ImageIndex, Platform } from '#oci'

/**
 * An index with a change made to it. Everything that the change leaves alone stays as it was written: members that
 * nobody knows, their order, the indentation. A change that changes nothing gives the same bytes.
 */
export async function editIndex(
  mediaType: string,
  bytes: Uint8Array,
  change: (index: ImageIndex) => ImageIndex,
): Promise<EncodedDocument> {
  parseIndex(bytes, mediaType)
  const written = text(bytes)
  const before = JSON.parse(written) as ImageIndex
  const compact = JSON.stringify(before)
  const after = change({ ...before, manifests: before.manifests ?? [] })
  if (JSON.stringify(after) === compact) return describe(mediaType, bytes)
  const encoded = await describe(mediaType, utf8(styled(after, written)))
  parseIndex(encoded.bytes, mediaType)
  return encoded
}

/** What a new index is made of. */
export interface NewIndex {
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
  readonly artifactType?: string
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** The index as bytes, its members in the order of image-spec. */
export function encodeIndex({ mediaType, manifests, ...more }: NewIndex): Promise<EncodedDocument> {
  const { artifactType, subject, annotations } = more
  return encodeDocument(mediaType, {
    schemaVersion: 2,
    mediaType,
    ...(artifactType === undefined ? {} : { artifactType }),
    manifests,
    ...(subject === undefined ? {} : { subject }),
    ...(annotations === undefined ? {} : { annotations }),
  })
}

/**
 * Adds entries; one that is there already, by digest and platform, stays. Another image for a platform that the
 * index has takes its place with `replace`, and is refused without: readers would see the first alone.
 */
export function addEntries(
  index: ImageIndex,
  entries: readonly Descriptor[],
  options: { readonly replace?: boolean } = {},
): ImageIndex {
  let { manifests } = index
  for (const entry of entries) {
    if (manifests.some((d) => d.digest === entry.digest && samePlatform(d, entry))) continue
    const rivals = isAttestation(entry) ? [] : manifests.filter((d) => d.platform && samePlatform(d, entry))
    if (rivals.length > 0 && !options.replace)
      fail(
        'already_exists',
        `the index has another image for ${formatPlatform(entry.platform!)}: ${rivals[0]!.digest}`,
        {
          hint: '--replace puts the new one in its place',
        },
      )
    const left = withoutEntries(manifests, rivals)
    const at = manifests.findIndex((d) => rivals.includes(d))
    manifests = at < 0 ? [...left, entry] : left.toSpliced(at, 0, entry)
  }
  return { ...index, manifests }
}

/** Takes away the entries that are named by digest or platform, with what is attached to them inside the index. */
export function removeEntries(index: ImageIndex, names: readonly string[]): ImageIndex {
  const gone = names.flatMap((name) => entriesNamed(index, name))
  return { ...index, manifests: withoutEntries(index.manifests, gone) }
}

/** What an entry is to say, or the index itself. */
export interface IndexNote {
  /** The entry, by digest or platform; absent for the index. */
  readonly entry?: string
  /** Undefined takes an annotation away. */
  readonly annotations?: Readonly<Record<string, string | undefined>>
  readonly platform?: Partial<Platform>
}

/** The index with annotations (and a platform) put on it, or on the entries that `entry` means; `not_found` when it means none. */
export function annotateIndex(index: ImageIndex, { entry, annotations, platform }: IndexNote): ImageIndex {
  if (entry === undefined) return noted(index, annotations)
  const named = entriesNamed(index, entry)
  const manifests = index.manifests.map((d) => {
    if (!named.includes(d)) return d
    const other = noted(d, annotations)
    return platform ? { ...other, platform: { architecture: '', os: '', ...d.platform, ...platform } } : other
  })
  return { ...index, manifests }
}

/** The entries that a digest or a platform means; `not_found` when there is none. */
function entriesNamed({ manifests }: ImageIndex, name: string): readonly Descriptor[] {
  const found = isDigest(name) ? manifests.filter((d) => d.digest === name) : ofPlatform(manifests, parsePlatform(name))
  if (found.length > 0) return found
  const has = manifests.map((d) => (d.platform && !isAttestation(d) ? formatPlatform(d.platform) : d.digest))
  return fail('not_found', `the index has no ${name}`, { hint: `it has: ${has.join(', ') || 'nothing'}` })
}

function ofPlatform(manifests: readonly Descriptor[], platform: Platform): readonly Descriptor[] {
  return manifests.filter((d) => d.platform && !isAttestation(d) && platformKey(d.platform) === platformKey(platform))
}

function withoutEntries(manifests: readonly Descriptor[], gone: readonly Descriptor[]): readonly Descriptor[] {
  const digests = new Set(gone.map((d) => d.digest as string))
  const attached = (d: Descriptor): boolean =>
    isAttestation(d) && digests.has(d.annotations?.[Annotation.dockerReferenceDigest] ?? '')
  return manifests.filter((d) => !gone.includes(d) && !attached(d))
}

function noted<T extends { readonly annotations?: Readonly<Record<string, string>> }>(
  subject: T,
  changes: IndexNote['annotations'] = {},
): T {
  const annotations: Record<string, string> = { ...subject.annotations }
  for (const [key, value] of Object.entries(changes))
    if (value === undefined) delete annotations[key]
    else annotations[key] = value
  const { annotations: _, ...rest } = subject
  if (Object.keys(annotations).length === 0) return (subject.annotations === undefined ? subject : rest) as T
  return { ...subject, annotations }
}

function samePlatform(a: Descriptor, b: Descriptor): boolean {
  if (!a.platform || !b.platform) return a.platform === b.platform
  return platformKey(a.platform) === platformKey(b.platform)
}

/** Everything that makes a platform another one. */
function platformKey(platform: Platform): string {
  const features = (platform['os.features'] ?? []).toSorted()
  return JSON.stringify([formatPlatform(normalizePlatform(platform)), platform['os.version'] ?? '', features])
}

/** As the original was indented: by blanks or tabs, with a line feed at the end or without. */
function styled(value: object, original: string): string {
  const indent = /^\s*\{\r?\n([ \t]+)/.exec(original)?.[1]
  const end = original.endsWith('\n') ? '\n' : ''
  return JSON.stringify(value, undefined, indent) + end
}
