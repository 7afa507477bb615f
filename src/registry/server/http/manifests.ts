import { collect, isCode, messageOf } from '#base'
import { createHasher } from '#codec'
import { algorithmOf, isIndex, isManifest, isTag, parseIndex, parseManifest, sniffMediaType } from '#oci'
import type { Descriptor, Digest, ImageIndex, Manifest } from '#oci'
import type { ManifestRecord } from '../repositories.ts'
import { digestParameter, matches, userOf } from './blobs.ts'
import { bodyOf } from './body.ts'
import { refuse, Refusal } from './refusal.ts'
import type { Exchange, RegistryEvent, Service } from './service.ts'

/** GET and HEAD of a manifest by tag or digest. */
export async function getManifest(
  service: Service,
  exchange: Exchange,
  name: string,
  reference: string,
): Promise<Response> {
  const digest = await resolve(service, exchange, name, reference)
  const record = await service.repositories.manifest(name, digest)
  if (!record) return unknownManifest(reference)
  const { request } = exchange
  const etag = `"${digest}"`
  const headers: Record<string, string> = {
    'content-type': record.mediaType,
    'content-length': String(record.size),
    'docker-content-digest': digest,
    etag,
  }
  if (matches(request.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  if (request.method === 'HEAD') return new Response(null, { headers })
  const bytes = await document(service, digest)
  if (!bytes) return unknownManifest(reference)
  const tag = reference === digest ? {} : { tag: reference }
  notify(service, exchange, { action: 'pull', repository: name, digest, ...tag }, record)
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers })
}

/** PUT by tag or digest; with `?tag=` also several tags at once. */
export async function putManifest(
  service: Service,
  exchange: Exchange,
  name: string,
  reference: string,
): Promise<Response> {
  const wanted = reference.includes(':') ? digestParameter(reference) : undefined
  const more = exchange.url.searchParams.getAll('tag')
  const tags = wanted === undefined ? [reference, ...more] : more
  for (const tag of tags) if (!isTag(tag)) refuse('MANIFEST_INVALID', `not a tag: ${JSON.stringify(tag.slice(0, 150))}`)
  const bytes = await manifestBody(service, exchange)
  const digest = digestOfBytes(bytes, wanted)
  const { record, referrer } = describeManifest(bytes, digest, exchange.request.headers.get('content-type'))
  await checkReferences(service, name, bytes, record)
  for (const tag of tags) await checkMovable(service, exchange, name, tag, digest)
  await service.checkQuota(name, bytes.length)
  await service.storage.blobs.put({ mediaType: record.mediaType, digest, size: bytes.length }, bytes)
  const link = async (): Promise<void> => {
    await service.repositories.linkManifest(name, digest, record, referrer)
    for (const tag of tags) await moveTag(service, name, tag, digest)
  }
  await link()
  // A deletion of the manifest that began before may have taken it since, and not seen the tag: whoever looks last mends.
  if (tags.length > 0 && (await service.repositories.manifest(name, digest)) === undefined) await link()
  service.documents.set(digest, bytes)
  for (const tag of tags.length > 0 ? tags.map((tag) => ({ tag })) : [{}])
    notify(service, exchange, { action: 'push', repository: name, digest, ...tag }, record)
  const headers = new Headers({ location: `/v2/${name}/manifests/${digest}`, 'docker-content-digest': digest })
  if (record.subject) headers.set('oci-subject', record.subject)
  for (const tag of more) headers.append('oci-tag', tag)
  return new Response(null, { status: 201, headers })
}

/** DELETE of a tag, or of a manifest with all its tags. */
export async function deleteManifest(
  service: Service,
  exchange: Exchange,
  name: string,
  reference: string,
): Promise<Response> {
  if (reference.includes(':')) {
    const digest = digestParameter(reference)
    for (const { tag, digest: at } of await service.repositories.tags(name))
      if (at === digest && service.immutable(name, tag)) immutable(tag)
    if (!(await service.repositories.unlinkManifest(name, digest))) unknownManifest(reference)
    service.notify({ action: 'delete', kind: 'manifest', repository: name, digest, ...userOf(exchange) })
  } else {
    if (service.immutable(name, reference) && (await service.repositories.tag(name, reference))) immutable(reference)
    if (!(await service.repositories.untag(name, reference))) unknownManifest(reference)
    service.notify({ action: 'delete', kind: 'tag', repository: name, tag: reference, ...userOf(exchange) })
  }
  return new Response(null, { status: 202 })
}

function notify(
  service: Service,
  exchange: Exchange,
  {
    action,
    repository,
    digest,
    ...tag
  }: Pick<RegistryEvent, 'action' | 'repository' | 'tag'> & { readonly digest: Digest },
  { mediaType, size }: ManifestRecord,
): void {
  service.notify({ action, kind: 'manifest', repository, digest, mediaType, size, ...tag, ...userOf(exchange) })
}

/** What is remembered of a document, and how it shows among its subject's referrers. */
export function describeManifest(
  bytes: Uint8Array,
  digest: Digest,
  contentType: string | null,
): { readonly record: ManifestRecord; readonly referrer?: Descriptor } {
  const { mediaType, document } = parsed(bytes, contentType)
  const manifest = 'config' in document ? document : undefined
  const { subject, annotations } = document
  const artifactType = document.artifactType || manifest?.config.mediaType
  const record: ManifestRecord = {
    mediaType,
    size: bytes.length,
    ...(artifactType ? { artifactType } : {}),
    ...(subject ? { subject: subject.digest } : {}),
    blobs: manifest ? [manifest.config, ...manifest.layers].map((d) => d.digest) : [],
    children: 'manifests' in document ? document.manifests.map((d) => d.digest) : [],
  }
  if (!subject) return { record }
  const size = bytes.length
  const extra = { ...(artifactType ? { artifactType } : {}), ...(annotations ? { annotations } : {}) }
  return { record, referrer: { mediaType, digest, size, ...extra } }
}

async function resolve(service: Service, exchange: Exchange, name: string, reference: string): Promise<Digest> {
  const { repositories } = service
  if (reference.includes(':')) {
    const digest = digestParameter(reference)
    if ((await repositories.manifest(name, digest)) === undefined)
      await service.fetchManifest(name, reference, exchange.call)
    return digest
  }
  if (!isTag(reference)) return unknownManifest(reference)
  const here = async (): Promise<Digest | undefined> => (await repositories.tag(name, reference))?.digest
  try {
    const fetched = await service.fetchManifest(name, reference, exchange.call)
    return fetched ?? (await here()) ?? (await nameOrManifestUnknown(service, name, reference))
  } catch (error) {
    // What was fetched once is served when its upstream is gone.
    const known = error instanceof Refusal && error.status === 502 ? await here() : undefined
    if (known === undefined) throw error
    return known
  }
}

async function nameOrManifestUnknown(service: Service, name: string, reference: string): Promise<never> {
  if (!(await service.repositories.has(name))) refuse('NAME_UNKNOWN', `there is no repository ${name}`)
  return unknownManifest(reference)
}

function unknownManifest(reference: string): never {
  return refuse('MANIFEST_UNKNOWN', 'the repository has no such manifest', {
    detail: { reference: reference.slice(0, 150) },
  })
}

function immutable(tag: string): never {
  return refuse('DENIED', `the tag ${tag} may not change`, { status: 409 })
}

async function document(service: Service, digest: Digest): Promise<Uint8Array | undefined> {
  const held = service.documents.get(digest)
  if (held) return held
  const bytes = await service.storage.blobs.document(digest)
  if (bytes) service.documents.set(digest, bytes)
  return bytes
}

async function manifestBody(service: Service, exchange: Exchange): Promise<Uint8Array> {
  try {
    return await collect(bodyOf(exchange.request, service.bodyLimits, service.manifestLimit), service.manifestLimit)
  } catch (error) {
    if (isCode(error, 'resource_exhausted')) refuse('MANIFEST_INVALID', error.message, { status: 413 })
    throw error
  }
}

/** The digest that the document is stored under: by the algorithm that was asked for. */
function digestOfBytes(bytes: Uint8Array, wanted: Digest | undefined): Digest {
  const hasher = createHasher(wanted ? algorithmOf(wanted) : 'sha256')
  hasher.update(bytes)
  const digest = hasher.digest()
  if (wanted !== undefined && digest !== wanted)
    refuse('DIGEST_INVALID', `the manifest's digest is ${digest}`, { detail: { digest: wanted } })
  return digest
}

function parsed(
  bytes: Uint8Array,
  contentType: string | null,
): { readonly mediaType: string; readonly document: Manifest | ImageIndex } {
  const announced = contentType?.split(';', 1)[0]?.trim() ?? ''
  try {
    const mediaType = isIndex(announced) || isManifest(announced) ? announced : sniffed(bytes, announced)
    return { mediaType, document: isIndex(mediaType) ? parseIndex(bytes, mediaType) : parseManifest(bytes, mediaType) }
  } catch (error) {
    if (isCode(error, 'resource_exhausted') || isCode(error, 'invalid_argument') || isCode(error, 'unimplemented'))
      refuse('MANIFEST_INVALID', messageOf(error))
    throw error
  }
}

/** Clients that know no better send no type, or a general one; any other must be the document's. */
function sniffed(bytes: Uint8Array, announced: string): string {
  const general = ['', 'application/json', 'application/octet-stream', 'text/plain']
  if (!general.includes(announced))
    refuse('MANIFEST_INVALID', `${announced.slice(0, 100)} is not the type of a manifest`)
  return sniffMediaType(bytes)
}

/** Nobody pushes these layers: their `urls` say where they are. */
const FOREIGN = /\.(?:nondistributable|foreign)\./

async function checkReferences(
  service: Service,
  name: string,
  bytes: Uint8Array,
  { mediaType, children }: ManifestRecord,
): Promise<void> {
  if (service.references === 'none') return
  const missing: Digest[] = []
  if (isManifest(mediaType)) {
    const { config, layers } = parseManifest(bytes, mediaType)
    for (const d of [config, ...layers])
      if (!FOREIGN.test(d.mediaType) && !(await present(service, name, d))) missing.push(d.digest)
  } else if (service.references === 'all') {
    for (const digest of children) if (!(await service.repositories.manifest(name, digest))) missing.push(digest)
  }
  if (missing.length > 0)
    refuse('MANIFEST_BLOB_UNKNOWN', `the repository lacks ${missing.length} of what the manifest refers to`, {
      detail: missing.slice(0, 20).map((digest) => ({ digest })),
    })
}

/** Touched before the manifest is linked: from now on gc spares it for the grace period, then the manifest holds it. */
async function present(service: Service, name: string, d: Descriptor): Promise<boolean> {
  const { repositories } = service
  if (!(await repositories.keepBlob(name, d.digest)) && !(await repositories.adoptBlob?.(name, d.digest))) return false
  if (!(await service.storage.blobs.touch(d.digest))) return false
  const blob = await service.storage.blobs.stat(d.digest)
  if (blob && blob.size !== d.size)
    refuse('MANIFEST_INVALID', `the manifest gives ${d.digest} ${d.size} bytes; it has ${blob.size}`)
  return blob !== undefined
}

async function checkMovable(
  service: Service,
  { request }: Exchange,
  name: string,
  tag: string,
  digest: Digest,
): Promise<void> {
  const at = await service.repositories.tag(name, tag)
  if (at && at.digest !== digest && service.immutable(name, tag)) immutable(tag)
  const only = request.headers.get('if-match')
  const unless = request.headers.get('if-none-match')
  const blocked =
    (only !== null && !(at && matches(only, `"${at.digest}"`))) || (at && matches(unless, `"${at.digest}"`))
  if (blocked) refuse('DENIED', `the tag ${tag} is not as the request wants it`, { status: 412 })
}

async function moveTag(service: Service, name: string, tag: string, digest: Digest): Promise<void> {
  const { repositories } = service
  if (!service.immutable(name, tag)) return void (await repositories.moveTag(name, tag, digest))
  // Two first pushes at once: one of them sets it.
  if (await repositories.moveTag(name, tag, digest, null)) return
  if ((await repositories.tag(name, tag))?.digest !== digest) immutable(tag)
}
