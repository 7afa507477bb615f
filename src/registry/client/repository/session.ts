import { fail, isCode } from '#base'
import type { Call } from '#base'
import { parseDigest } from '#oci'
import type { Digest } from '#oci'
import { discard } from '../transport/body.ts'
import { repositoryScope } from '../auth/scope.ts'
import { hasBlob } from './download.ts'
import { pushScope } from './place.ts'
import type { Place } from './place.ts'

/** Milliseconds that giving an upload up may take. */
const CANCEL_MS = 3000

/** An upload that the registry has begun. */
export interface UploadSession {
  /** Where the next request goes: a whole URL. */
  readonly location: string
  /** Bytes that the registry wants per PATCH at least. */
  readonly minChunk: number
}

/** Begins an upload. */
export async function beginUpload(place: Place, call?: Call): Promise<UploadSession> {
  const request = {
    method: 'POST',
    path: uploadsPath(place),
    headers: { 'content-length': '0' },
    scope: pushScope(place),
  } as const
  const response = await place.registry.ask(request, [202], call)
  await discard(response)
  return sessionOf(place, response)
}

/**
 * Asks for a blob of another repository. `true` when it is mounted; a session when the registry
 * would rather have the bytes; false when it refuses altogether.
 */
export async function mountBlob(
  place: Place,
  digest: Digest,
  from: string,
  call?: Call,
): Promise<true | UploadSession | false> {
  const query = new URLSearchParams({ mount: parseDigest(digest), from })
  const scope = [...pushScope(place), repositoryScope(from, 'pull')]
  const path = `${uploadsPath(place)}?${query}`
  try {
    const response = await place.registry.ask(
      { method: 'POST', path, headers: { 'content-length': '0' }, scope },
      [201, 202],
      call,
    )
    await discard(response)
    // Some say `201` to a parameter that they do not know: a manifest that relied on it would be refused, or torn.
    return response.status === 201 ? await committed(place, digest, call) : await sessionOf(place, response)
  } catch (error) {
    // No right to read there, or no mounts at all: an upload tells.
    if (isCode(error, 'canceled') || isCode(error, 'unavailable')) throw error
    return false
  }
}

/** A whole blob in one POST, for registries without sessions. False when it was not taken so. */
export async function postBlob(place: Place, digest: Digest, bytes: Uint8Array, call?: Call): Promise<boolean> {
  const path = `${uploadsPath(place)}?${new URLSearchParams({ digest })}`
  const headers = { 'content-type': 'application/octet-stream' }
  const response = await place.registry.send(
    { method: 'POST', path, headers, body: bytes, scope: pushScope(place) },
    call,
  )
  await discard(response)
  return response.status === 201
}

/** Turns what was uploaded into the blob; `body` is the rest of it. */
export async function finishUpload(
  place: Place,
  session: UploadSession,
  digest: Digest,
  body: Uint8Array | undefined,
  call?: Call,
): Promise<void> {
  const url = new URL(session.location)
  url.searchParams.set('digest', digest)
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream' }
  if (!body) headers['content-length'] = '0'
  const request = {
    method: 'PUT',
    path: url.href,
    headers,
    // What arrived of a body that broke would be there twice: the caller begins anew.
    ...(body ? { body, once: true } : {}),
    scope: pushScope(place),
  } as const
  try {
    const response = await place.registry.ask(request, [201, 204, 200], call)
    await discard(response)
  } catch (error) {
    // The answer to an earlier attempt may have been lost: then the blob is there and the session is not.
    if (isCode(error, 'canceled') || isCode(error, 'unauthenticated') || !(await committed(place, digest, call)))
      throw error
  }
}

/** Where the registry got to; undefined when it has forgotten the upload, or does not say. */
export async function uploadOffset(
  place: Place,
  session: UploadSession,
  call?: Call,
): Promise<{ readonly offset: number; readonly session: UploadSession } | undefined> {
  const response = await place.registry.send({ method: 'GET', path: session.location, scope: pushScope(place) }, call)
  await discard(response)
  if (response.status !== 204 && response.status !== 202 && response.status !== 200) return undefined
  const said = response.headers.get('range')
  // Without a word of how much is there nothing can be added to it.
  if (said === null) return undefined
  const range = /^(?:bytes=)?0-(\d+)$/.exec(said)
  // `0-0` is what is said of an empty upload, too: of the two, sending byte 0 again is what gets on.
  const last = range ? Number(range[1]) : 0
  return { offset: last === 0 ? 0 : last + 1, session: await sessionOf(place, response, session) }
}

/** Gives an upload up, as far as the registry listens. */
export async function cancelUpload(place: Place, session: UploadSession): Promise<void> {
  const request = { method: 'DELETE', path: session.location, scope: pushScope(place), once: true } as const
  try {
    await discard(await place.registry.send(request, { signal: AbortSignal.timeout(CANCEL_MS) }))
  } catch {
    // It expires by itself.
  }
}

export async function sessionOf(place: Place, response: Response, before?: UploadSession): Promise<UploadSession> {
  const location = response.headers.get('location')
  if (location === null && !before) fail('unavailable', `${place.registry.host} began an upload and does not say where`)
  // RFC 9110: relative to what was asked.
  const asked = before?.location ?? (await place.registry.urlOf(uploadsPath(place)))
  const min = /^\d{1,12}$/.exec(response.headers.get('oci-chunk-min-length') ?? '')
  return {
    location: location === null ? before!.location : await place.registry.urlOf(location, asked),
    minChunk: min ? Number(min[0]) : (before?.minChunk ?? 0),
  }
}

async function committed(place: Place, digest: Digest, call?: Call): Promise<boolean> {
  return hasBlob(place, digest, call).catch(() => false)
}

function uploadsPath(place: Place): string {
  return `/v2/${place.path}/blobs/uploads/`
}
