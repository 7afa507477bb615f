import { fail } from '#base'
import type { Call } from '#base'
import { readDocument } from '#content'
import type { ContentProvider } from '#content'
import {
  chooseManifest,
  formatPlatform,
  hostPlatform,
  isAttestation,
  isImageConfig,
  isIndex,
  isManifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
  platformOf,
} from '#oci'
import type { Descriptor, Digest, ImageIndex, Platform } from '#oci'

/** Indexes inside one index. */
const NESTED_LIMIT = 64
/** Entries without a platform whose configs are read to learn it. */
const UNKNOWN_LIMIT = 64

/** An index with its exact bytes. */
export interface OpenedIndex {
  readonly index: ImageIndex
  readonly bytes: Uint8Array
}

/** Reads and checks an index; its bytes beside it, since only they have its digest. */
export async function readIndex(content: ContentProvider, root: Descriptor, call?: Call): Promise<OpenedIndex> {
  const bytes = await readDocument(content, root, call)
  return { index: parseIndex(bytes, root.mediaType), bytes }
}

/** The manifest behind a root that suits a platform; `not_found` with the platforms there are when none does. */
export async function chooseImage(
  content: ContentProvider,
  root: Descriptor,
  platform: Platform | undefined,
  call?: Call,
): Promise<Descriptor> {
  if (isManifest(root.mediaType)) return root
  if (!isIndex(root.mediaType)) fail('invalid_argument', `${root.digest} is no image: its type is ${root.mediaType}`)
  const known = await knownEntries(content, root, new Set(), call)
  if (platform === undefined && known.length === 1) return known[0]!
  const want = platform ?? hostPlatform()
  return (
    chooseManifest(known, want) ??
    fail('not_found', `${root.digest} has no image for ${formatPlatform(want)}`, {
      hint: `it has: ${known.map((entry) => formatPlatform(entry.platform!)).join(', ') || 'none'}`,
    })
  )
}

/** The images of an index and of those inside it, each with its platform, read from its config where no entry says it. */
async function knownEntries(
  content: ContentProvider,
  root: Descriptor,
  seen: Set<Digest>,
  call?: Call,
): Promise<readonly Descriptor[]> {
  if (seen.has(root.digest)) return []
  if (seen.add(root.digest).size > NESTED_LIMIT)
    fail('resource_exhausted', `more than ${NESTED_LIMIT} indexes inside one another at ${root.digest}`)
  const { index } = await readIndex(content, root, call)
  const known: Descriptor[] = []
  let unknown = 0
  for (const entry of index.manifests) {
    if (isAttestation(entry)) continue
    if (isManifest(entry.mediaType) && entry.platform) known.push(entry)
    else if (entry.platform === undefined && ++unknown > UNKNOWN_LIMIT) break
    else if (isManifest(entry.mediaType)) known.push(...(await withPlatform(content, entry, call)))
    else if (isIndex(entry.mediaType) && (await content.has(entry, call)))
      known.push(...(await knownEntries(content, entry, seen, call)))
  }
  return known
}

async function withPlatform(content: ContentProvider, entry: Descriptor, call?: Call): Promise<readonly Descriptor[]> {
  if (!(await content.has(entry, call))) return []
  const { config } = parseManifest(await readDocument(content, entry, call), entry.mediaType)
  if (!isImageConfig(config.mediaType)) return []
  return [{ ...entry, platform: platformOf(parseImageConfig(await readDocument(content, config, call))) }]
}
