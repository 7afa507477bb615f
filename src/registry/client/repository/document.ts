import { collect, fail, isCode } from '#base'
import type { ByteStream, Call } from '#base'
import { createHasher } from '#codec'
import {
  algorithmOf,
  DOCUMENT_LIMIT,
  isDigest,
  isIndex,
  isManifest,
  isTag,
  parseIndex,
  parseManifest,
  sniffMediaType,
} from '#oci'
import type { Descriptor, Digest } from '#oci'
import { boundedBody, contentLength, discard } from '../transport/body.ts'
import { printable } from '../transport/redact.ts'
import { backOff } from '../transport/retry.ts'
import type { RemoteDocument } from '../types.ts'
import { ACCEPTED, checkDocumentSize, isDocument, manifestPath, pullScope, pushScope } from './place.ts'
import type { Place } from './place.ts'

/** The manifest or index behind a tag or digest, with its bytes checked: length, digest, media type. */
export async function getDocument(place: Place, ref: string, call?: Call): Promise<RemoteDocument> {
  const path = manifestPath(place, parseRef(ref))
  for (let attempt = 1; ; attempt++) {
    const request = { method: 'GET', path, headers: { accept: ACCEPTED }, scope: pullScope(place) } as const
    const response = await place.registry.ask(request, [200], call)
    try {
      const bytes = await plain(
        response,
        await boundedBody(response, DOCUMENT_LIMIT, `the manifest ${place.path}:${ref}`),
      )
      return { descriptor: describeAnswer(ref, response, bytes), bytes }
    } catch (error) {
      // A body without a length that is cut short looks like one with another digest.
      const again = isCode(error, 'unavailable') ? place.resumes : isCode(error, 'data_loss') ? 2 : 0
      if (attempt > again) throw error
      await backOff(attempt, place.retry, call?.signal)
    }
  }
}

/** The document, where a proxy has compressed it unasked and fetch was told to leave bodies as they are. */
async function plain(response: Response, bytes: Uint8Array): Promise<Uint8Array> {
  if (response.headers.get('content-encoding') !== 'gzip' || bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const body = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream()
  try {
    return await collect(body.pipeThrough(new DecompressionStream('gzip')), DOCUMENT_LIMIT)
  } catch (cause) {
    if (isCode(cause, 'resource_exhausted')) throw cause
    return fail('data_loss', 'the registry sent a manifest in broken gzip', { cause })
  }
}

/** What is answered to HEAD where only GET is known; a 404 has its words there. */
const HEADLESS: readonly number[] = [400, 404, 405, 501]

/** The descriptor behind a tag or digest by HEAD, or by GET where the registry's headers do not tell it. */
export async function resolveDocument(place: Place, ref: string, call?: Call): Promise<Descriptor> {
  const path = manifestPath(place, parseRef(ref))
  const request = { method: 'HEAD', path, headers: { accept: ACCEPTED }, scope: pullScope(place) } as const
  const response = await place.registry.ask(request, [200, ...HEADLESS], call)
  await discard(response)
  const digest = response.headers.get('docker-content-digest') ?? (isDigest(ref) ? ref : undefined)
  const mediaType = mediaTypeOf(response)
  const size = contentLength(response)
  if (response.status !== 200 || !isDigest(digest) || !isDocument(mediaType) || size === undefined || size === 0)
    return (await getDocument(place, ref, call)).descriptor
  if (isDigest(ref) && digest !== ref) mismatch(place, ref, digest)
  checkDocumentSize({ mediaType, digest, size })
  return { mediaType, digest, size }
}

/** True when the registry has the manifest. */
export async function hasDocument(place: Place, digest: Digest, call?: Call): Promise<boolean> {
  const request = {
    method: 'HEAD',
    path: manifestPath(place, digest),
    headers: { accept: ACCEPTED },
    scope: pullScope(place),
  } as const
  const head = await place.registry.ask(request, [200, ...HEADLESS], call)
  await discard(head)
  if (head.status === 200 || head.status === 404) return head.status === 200
  const response = await place.registry.ask({ ...request, method: 'GET' }, [200, 404], call)
  await discard(response)
  return response.status === 200
}

/** What the registry says about the manifest that it took. */
export interface PutAnswer {
  /** True when the registry itself keeps track of the manifest's subject (distribution-spec, OCI-Subject). */
  readonly subjectTaken: boolean
}

/** Stores a manifest under a tag or its digest. */
export async function putDocument(
  place: Place,
  ref: string,
  { descriptor, bytes }: RemoteDocument,
  call?: Call,
): Promise<PutAnswer> {
  const request = {
    method: 'PUT',
    path: manifestPath(place, parseRef(ref)),
    headers: { 'content-type': descriptor.mediaType },
    body: bytes,
    scope: pushScope(place),
  } as const
  const response = await asked(place, request, descriptor, call)
  await discard(response)
  const digest = response.headers.get('docker-content-digest')
  if (isDigest(digest) && algorithmOf(digest) === algorithmOf(descriptor.digest) && digest !== descriptor.digest)
    mismatch(place, descriptor.digest, digest)
  return { subjectTaken: response.headers.has('oci-subject') }
}

/** The bytes of a document that is to be sent: whole, and what the descriptor says. */
export async function documentBytes(d: Descriptor, stream: ByteStream): Promise<Uint8Array> {
  checkDocumentSize(d)
  const bytes = await collect(stream, DOCUMENT_LIMIT)
  return bytes.length === d.size && digestBytes(bytes, d.digest) === d.digest
    ? bytes
    : fail('data_loss', `the bytes to be stored are not ${d.digest}`)
}

/** A tag or digest, or `invalid_argument`: it becomes a part of a path. */
export function parseRef(ref: string): string {
  if (isDigest(ref) || isTag(ref)) return ref
  return fail('invalid_argument', `neither a tag nor a digest: ${JSON.stringify(ref.slice(0, 140))}`)
}

async function asked(
  place: Place,
  request: Parameters<Place['registry']['ask']>[0],
  d: Descriptor,
  call?: Call,
): Promise<Response> {
  try {
    return await place.registry.ask(request, [200, 201, 202], call)
  } catch (error) {
    // Registries that check an index's entries refuse one that was copied in part.
    const sparse = isIndex(d.mediaType) && (isCode(error, 'not_found') || isCode(error, 'failed_precondition'))
    if (sparse)
      return fail('failed_precondition', error.message, {
        hint: 'this registry takes an index only with everything in it: copy all platforms',
        cause: error,
      })
    throw error
  }
}

function describeAnswer(ref: string, response: Response, bytes: Uint8Array): Descriptor {
  const said = response.headers.get('docker-content-digest')
  for (const digest of [ref, said]) {
    if (!isDigest(digest)) continue
    const actual = digestBytes(bytes, digest)
    if (actual !== digest) fail('data_loss', `the registry sent ${actual} where it has to send ${digest}`)
  }
  const digest = isDigest(ref) ? ref : isDigest(said) ? said : digestBytes(bytes, 'sha256:')
  return { mediaType: checkedType(response, bytes), digest, size: bytes.length }
}

/**
 * The Content-Type where it is one of a manifest, and then the bytes have to agree; else what the bytes
 * say they are (some registries answer `application/json` to everything).
 */
function checkedType(response: Response, bytes: Uint8Array): string {
  const said = mediaTypeOf(response)
  if (/^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/.test(said))
    fail('unimplemented', 'the image is in Docker’s schema 1', { hint: 'push the image again with a current tool' })
  const mediaType = isDocument(said) ? said : sniffMediaType(bytes)
  if (isIndex(mediaType)) parseIndex(bytes, mediaType)
  else if (isManifest(mediaType)) parseManifest(bytes, mediaType)
  else if (!isDocument(mediaType))
    fail('invalid_argument', `the registry sent something that is no manifest: ${printable(mediaType, 100)}`)
  return mediaType
}

function mediaTypeOf(response: Response): string {
  return (response.headers.get('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase()
}

function digestBytes(bytes: Uint8Array, like: string): Digest {
  const hasher = createHasher(like.startsWith('sha512:') ? 'sha512' : 'sha256')
  hasher.update(bytes)
  return hasher.digest()
}

function mismatch(place: Place, expected: string, said: string): never {
  return fail('data_loss', `${place.registry.host} says ${said} where ${expected} was meant`)
}
