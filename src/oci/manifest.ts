import { fail } from '#base'
import { isDigest } from './digest.ts'
import { asArray, asSize, asString, asStringMap, asStrings, asObject, checked, parseObject } from './json.ts'
import type { JsonObject } from './json.ts'
import { isIndex, isManifest, MediaType } from './mediatype.ts'
import type { Descriptor, Digest, ImageIndex, Manifest, Platform } from './types.ts'

/** Layers or manifests in one document. Linux overlays stop at 500 layers; no real index comes near. */
const ENTRIES_LIMIT = 10_000

/**
 * A manifest from untrusted bytes, OCI or Docker schema 2. `mediaType` is what led here (a
 * descriptor, a Content-Type): a document that says otherwise, or that could also be read as an
 * index, is refused, since two readers would see two images (CVE-2021-41190).
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): Manifest {
  const document = typedDocument(bytes, 'manifest', mediaType, isManifest)
  for (const foreign of ['manifests', 'fsLayers'])
    if (document[foreign] !== undefined) fail('invalid_argument', `manifest also has "${foreign}": ambiguous`)
  const manifest = checked(document, 'manifest', {
    ...COMMON_CHECKS,
    config: asDescriptor,
    layers: asDescriptors,
  })
  if (manifest.config === undefined) fail('invalid_argument', 'manifest has no config')
  return { ...manifest, layers: manifest.layers ?? [] } as unknown as Manifest
}

/** An index (or Docker manifest list) from untrusted bytes; see {@link parseManifest}. */
export function parseIndex(bytes: Uint8Array, mediaType?: string): ImageIndex {
  const document = typedDocument(bytes, 'index', mediaType, isIndex)
  for (const foreign of ['layers', 'config', 'fsLayers'])
    if (document[foreign] !== undefined) fail('invalid_argument', `index also has "${foreign}": ambiguous`)
  if (document.manifests === undefined) fail('invalid_argument', 'index has no manifests')
  const index = checked(document, 'index', { ...COMMON_CHECKS, manifests: asDescriptors })
  return { ...index, manifests: index.manifests ?? [] } as unknown as ImageIndex
}

/**
 * What a document of unknown type says it is, for roots that come without a descriptor
 * (`index.json` entries always have one; a file handed in by name has not).
 */
export function sniffMediaType(bytes: Uint8Array): string {
  const document = parseObject(bytes, 'document')
  if (typeof document.mediaType === 'string') return document.mediaType
  if (document.manifests !== undefined) return MediaType.ociIndex
  if (document.layers !== undefined) return MediaType.ociManifest
  return fail('invalid_argument', 'document is neither a manifest nor an index')
}

/** The descriptors that a manifest or index points at, in order: config first, `subject` left out. */
export function successors(mediaType: string, bytes: Uint8Array): readonly Descriptor[] {
  if (isIndex(mediaType)) return parseIndex(bytes, mediaType).manifests
  if (!isManifest(mediaType)) return []
  const { config, layers } = parseManifest(bytes, mediaType)
  return [config, ...layers]
}

/** A descriptor from untrusted JSON. */
export function asDescriptor(value: unknown, what: string): Descriptor {
  const object = asObject(value, what)
  const descriptor = checked(object, what, {
    mediaType: asMediaType,
    digest: asDigest,
    size: asSize,
    urls: asStrings,
    annotations: asStringMap,
    data: asString,
    artifactType: asString,
    platform: asPlatform,
  })
  for (const member of ['mediaType', 'digest', 'size'])
    if (descriptor[member] === undefined) fail('invalid_argument', `${what} has no ${member}`)
  return descriptor as unknown as Descriptor
}

function asDescriptors(value: unknown, what: string): readonly Descriptor[] {
  const items = asArray(value, what)
  if (items.length > ENTRIES_LIMIT) fail('resource_exhausted', `${what} has ${items.length} entries`)
  return items.map((item, i) => asDescriptor(item, `${what}[${i}]`))
}

function asDigest(value: unknown, what: string): Digest {
  if (isDigest(value)) return value
  return fail('invalid_argument', `${what} is not a sha256 or sha512 digest: ${JSON.stringify(value)?.slice(0, 100)}`)
}

/** RFC 6838's characters and length. */
function asMediaType(value: unknown, what: string): string {
  const text = asString(value, what)
  if (/^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/.test(text)) return text
  return fail('invalid_argument', `${what} is not a media type: ${JSON.stringify(text.slice(0, 100))}`)
}

function asPlatform(value: unknown, what: string): Platform {
  const platform = checked(asObject(value, what), what, {
    architecture: asString,
    os: asString,
    variant: asString,
    'os.version': asString,
    'os.features': asStrings,
  })
  return { ...platform, architecture: platform.architecture ?? '', os: platform.os ?? '' } as Platform
}

const COMMON_CHECKS = {
  mediaType: asString,
  artifactType: asString,
  annotations: asStringMap,
  subject: asDescriptor,
}

function typedDocument(
  bytes: Uint8Array,
  what: string,
  mediaType: string | undefined,
  fits: (mediaType: string) => boolean,
): JsonObject {
  const document = parseObject(bytes, what)
  if (document.schemaVersion === 1)
    fail('unimplemented', `${what} is of Docker's schema 1`, { hint: 'push the image again with a current tool' })
  if (document.schemaVersion !== 2) fail('invalid_argument', `${what} has no schemaVersion 2`)
  const own = document.mediaType
  if (mediaType !== undefined && !fits(mediaType))
    fail('invalid_argument', `${mediaType} is not the type of any ${what}`)
  if (own === undefined || own === null || own === '') return document
  const expected = mediaType ?? asString(own, `${what}.mediaType`)
  if (own !== expected || !fits(expected))
    fail('invalid_argument', `${what} says its media type is ${JSON.stringify(own)?.slice(0, 100)}, not ${expected}`)
  return document
}
