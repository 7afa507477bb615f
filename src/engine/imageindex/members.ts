import { fail, type Call } from '#base'
import { readDocument, unionProvider, type ContentProvider } from '#content'
import { isImageConfig, isIndex, parseImageConfig, parseIndex, parseManifest, platformOf } from '#oci'
import type { Descriptor, Platform } from '#oci'
import { somePlatforms } from '#registry/client'
import type { Parts } from '../parts.ts'
import { openSource } from '../transport/open.ts'
import type { Found } from '../transport/types.ts'

/** Images that become entries of an index, and where they are read. */
export interface Members {
  readonly entries: readonly Descriptor[]
  readonly content: ContentProvider
  /** Repositories that the images lie in, by registry: they may lend their blobs. */
  readonly repositories: readonly { readonly registry: string; readonly path: string }[]
}

export interface MembersRequest {
  readonly sources: readonly string[]
  /** Of sources that are indexes, the images for these platforms alone. */
  readonly platforms?: readonly Platform[]
  readonly insecure?: boolean
}

/**
 * Opens the images that are to be members. An image is one entry, with the platform that its config names; an index
 * is all its entries, as they are written there. The sources stay open for as long as `stack` does.
 */
export async function openMembers(
  parts: Parts,
  request: MembersRequest,
  stack: AsyncDisposableStack,
  call?: Call,
): Promise<Members> {
  const entries: Descriptor[] = []
  const found: Found[] = []
  for (const name of request.sources) {
    const open = { plain: 'registry', ...(request.insecure ? { insecure: true } : {}) } as const
    const source = stack.use(await openSource(parts, name, open, call))
    const image = await source.find({ compressed: true }, call)
    found.push(image)
    entries.push(...(await entriesOf(image, request.platforms, call)))
  }
  if (entries.length === 0) fail('invalid_argument', 'an index needs images: none were given')
  return {
    entries,
    content: unionProvider(...found.map(({ from }) => from)),
    repositories: found.flatMap(({ from }) =>
      'registry' in from && 'path' in from ? [{ registry: String(from.registry), path: String(from.path) }] : [],
    ),
  }
}

async function entriesOf(
  { root, from }: Found,
  platforms: readonly Platform[] | undefined,
  call?: Call,
): Promise<readonly Descriptor[]> {
  if (!isIndex(root.mediaType)) return [await entryOf(root, from, call)]
  const { manifests } = parseIndex(await readDocument(from, root, call), root.mediaType)
  return platforms ? somePlatforms(platforms)(manifests, root) : manifests
}

/** An artifact that is no image has no platform, and names its type. */
async function entryOf(
  { mediaType, digest, size }: Descriptor,
  from: ContentProvider,
  call?: Call,
): Promise<Descriptor> {
  const entry = { mediaType, digest, size }
  const manifest = parseManifest(await readDocument(from, entry, call), mediaType)
  const { config, artifactType = config.mediaType } = manifest
  if (!isImageConfig(config.mediaType)) return { ...entry, artifactType }
  return { ...entry, platform: platformOf(parseImageConfig(await readDocument(from, config, call))) }
}
