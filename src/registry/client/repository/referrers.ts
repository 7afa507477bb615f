import { fail, isCode } from '#base'
import type { Call } from '#base'
import { algorithmOf, encodeDocument, hexOf, isIndex, MediaType, parseDigest, parseIndex, referrerOf } from '#oci'
import type { Descriptor, Digest, ImageIndex } from '#oci'
import { discard } from '../transport/body.ts'
import type { RemoteDocument } from '../types.ts'
import { getDocument, hasDocument, putDocument } from './document.ts'
import { pages } from './listing.ts'
import { deleteScope, manifestPath, pullScope } from './place.ts'
import type { Place } from './place.ts'

/** Referrers of one subject: a bound for registries that never stop. */
const REFERRERS_LIMIT = 100_000
/** Attempts to get one's own entry into a fallback index that others write, too. */
const UPDATES = 5

export type ReferrersCall = Call & { readonly artifactType?: string }

/**
 * Manifests whose subject is `subject`: by the referrers API, or from the index under the tag that
 * stands in for it (distribution-spec, unavailable referrers API). Each once; what they say of
 * themselves is the registry's word until they are fetched.
 */
export async function* listReferrers(
  place: Place,
  subject: Digest,
  call: ReferrersCall = {},
): AsyncGenerator<Descriptor, void, void> {
  const seen = new Set<string>()
  for await (const d of entries(place, parseDigest(subject), call)) {
    if (call.artifactType !== undefined && d.artifactType !== call.artifactType) continue
    if (seen.has(d.digest)) continue
    if (seen.size >= REFERRERS_LIMIT) fail('resource_exhausted', `more than ${REFERRERS_LIMIT} referrers of ${subject}`)
    seen.add(d.digest)
    yield d
  }
}

async function* entries(place: Place, subject: Digest, call: ReferrersCall): AsyncGenerator<Descriptor, void, void> {
  const filter = call.artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType: call.artifactType })}`
  const start = `/v2/${place.path}/referrers/${subject}${filter}`
  let first = true
  try {
    for await (const page of pages(place.registry, start, pullScope(place), { accept: MediaType.ociIndex }, call)) {
      const { manifests } = parseIndex(page.bytes)
      first = false
      yield* manifests
    }
    return
  } catch (error) {
    // Without the API the path is unknown: 404, other refusals of routers that read it otherwise, or a page for
    // everything. A 403 may be meant for us; then the tag is not ours to read either, and its error says so.
    if (!first || !isUnknownApi(error)) throw error
  }
  const index = await fallbackIndex(place, subject, call)
  if (index) yield* index.manifests
}

/** `sha256-…`: the tag under which the referrers of a digest are kept where there is no API. */
export function fallbackTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`
}

/** After a manifest with a subject has been put where there is no API: adds it to the fallback index. */
export async function addToFallback(place: Place, document: RemoteDocument, call?: Call): Promise<void> {
  const entry = referrerOf(document.descriptor, document.bytes)
  if (!entry) return
  await editFallback(place, entry.subject, call, (known) =>
    known.some((d) => d.digest === entry.descriptor.digest) ? undefined : [...known, entry.descriptor],
  )
}

/** Before a manifest with a subject is deleted where there is no API: takes it out of the fallback index. */
async function removeFromFallback(place: Place, document: RemoteDocument, call?: Call): Promise<void> {
  const entry = referrerOf(document.descriptor, document.bytes)
  if (!entry || (await hasReferrersApi(place, entry.subject, call))) return
  await editFallback(place, entry.subject, call, (known) => {
    const rest = known.filter((d) => d.digest !== entry.descriptor.digest)
    return rest.length === known.length ? undefined : rest
  })
}

async function hasReferrersApi(place: Place, subject: Digest, call?: Call): Promise<boolean> {
  const request = { method: 'GET', path: `/v2/${place.path}/referrers/${subject}`, scope: pullScope(place) } as const
  const response = await place.registry.send(request, call)
  await discard(response)
  return (
    response.status === 200 && response.headers.get('content-type')?.split(';', 1)[0]?.trim() === MediaType.ociIndex
  )
}

/** One edit of a fallback index at a time in this process; of others' edits the last to look wins. */
const editing = new Map<string, Promise<void>>()

async function editFallback(
  place: Place,
  subject: Digest,
  call: Call | undefined,
  edit: (known: readonly Descriptor[]) => readonly Descriptor[] | undefined,
): Promise<void> {
  const key = `${place.registry.host}/${place.path}@${subject}`
  const turn = (editing.get(key) ?? Promise.resolve())
    .catch(() => undefined)
    .then(() => editInTurn(place, subject, call, edit))
  editing.set(key, turn)
  try {
    await turn
  } finally {
    if (editing.get(key) === turn) editing.delete(key)
  }
}

async function editInTurn(
  place: Place,
  subject: Digest,
  call: Call | undefined,
  edit: (known: readonly Descriptor[]) => readonly Descriptor[] | undefined,
): Promise<void> {
  // There is no compare-and-swap for tags: look again whether the own edit is still there.
  for (let attempt = 0; attempt < UPDATES; attempt++) {
    const index = await fallbackIndex(place, subject, call)
    const manifests = edit(index?.manifests ?? [])
    if (!manifests) return
    const changed: ImageIndex = { ...index, schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }
    const { descriptor, bytes } = await encodeDocument(MediaType.ociIndex, changed)
    await putDocument(place, fallbackTag(subject), { descriptor, bytes }, call)
  }
  // The last write may have held; only the proof is missing.
  if (edit((await fallbackIndex(place, subject, call))?.manifests ?? []))
    fail('unavailable', `others keep changing the referrers of ${subject}: try again`)
}

async function fallbackIndex(place: Place, subject: Digest, call?: Call): Promise<ImageIndex | undefined> {
  try {
    const { descriptor, bytes } = await getDocument(place, fallbackTag(subject), call)
    // GitLab takes the tag for the digest that it spells, and answers with the subject.
    if (descriptor.digest === subject) return undefined
    return isIndex(descriptor.mediaType) ? parseIndex(bytes, descriptor.mediaType) : undefined
  } catch (error) {
    if (isCode(error, 'not_found')) return undefined
    throw error
  }
}

const UNKNOWN_API = [
  'not_found',
  'unimplemented',
  'invalid_argument',
  'failed_precondition',
  'permission_denied',
] as const

function isUnknownApi(error: unknown): boolean {
  return UNKNOWN_API.some((code) => isCode(error, code))
}

/** Deletes a manifest by digest or a tag; keeps the fallback index in step. */
export async function deleteReferenced(
  place: Place,
  ref: string,
  digest: Digest | undefined,
  call?: Call,
): Promise<void> {
  if (digest !== undefined && (await hasDocument(place, digest, call)))
    await removeFromFallback(place, await getDocument(place, digest, call), call)
  const request = { method: 'DELETE', path: manifestPath(place, ref), scope: deleteScope(place) } as const
  const response = await place.registry.ask(request, [200, 202, 204], call)
  await discard(response)
}
