import { collect, fail, isCode } from '#base'
import type { Call } from '#base'
import { createHasher } from '#codec'
import { algorithmOf, DOCUMENT_LIMIT, isDigest, MediaType } from '#oci'
import type { UpstreamConfig } from '../configtypes.ts'
import type { ImageSource } from './types.ts'

const ACCEPT = [MediaType.ociIndex, MediaType.dockerManifestList, MediaType.ociManifest, MediaType.dockerManifest].join(
  ', ',
)
/** A document is there within this time or the upstream counts as gone; blobs may take as long as they flow. */
const DOCUMENT_MS = 20_000

export function upstreamClient(config: UpstreamConfig): ImageSource {
  const base = config.url.replace(/\/+$/, '')
  const authorizations = new Map<string, string>()
  const send = async (repository: string, path: string, init: RequestInit, retry = true): Promise<Response> => {
    const authorization = authorizations.get(repository)
    const headers = { accept: ACCEPT, ...(authorization ? { authorization } : {}) }
    const response = await reached(base, fetch(`${base}/v2/${repository}/${path}`, { ...init, headers }))
    if (response.status !== 401 || !retry) return response
    await response.body?.cancel()
    const fresh = await authorize(config, response.headers.get('www-authenticate'), repository)
    if (fresh === undefined) return response
    authorizations.set(repository, fresh)
    return send(repository, path, init, false)
  }
  const checked = (response: Response, what: string): Response => {
    if (response.ok) return response
    void response.body?.cancel()
    if (response.status === 404) return fail('not_found', `the upstream ${base} has no ${what}`)
    return fail('unavailable', `the upstream ${base} answers ${response.status} for ${what}`)
  }
  return {
    head: async (repository, tag, call) => {
      const init = { method: 'HEAD', signal: within(call) }
      const response = checked(await send(repository, `manifests/${tag}`, init), `${repository}:${tag}`)
      const digest = response.headers.get('docker-content-digest')
      return isDigest(digest) ? digest : undefined
    },
    manifest: async (repository, reference, call) => {
      const init = { signal: within(call) }
      const response = checked(await send(repository, `manifests/${reference}`, init), `${repository} ${reference}`)
      const bytes = response.body ? await collect(response.body, DOCUMENT_LIMIT) : new Uint8Array()
      const wanted = isDigest(reference) ? reference : undefined
      const hasher = createHasher(wanted ? algorithmOf(wanted) : 'sha256')
      hasher.update(bytes)
      const digest = hasher.digest()
      if (wanted !== undefined && digest !== wanted)
        fail('data_loss', `the upstream ${base} sends other bytes for ${wanted}`)
      return { bytes, digest, contentType: response.headers.get('content-type') }
    },
    blob: async (repository, digest, call) => {
      const init = call.signal ? { signal: call.signal } : {}
      const response = checked(await send(repository, `blobs/${digest}`, init), digest)
      return response.body ?? fail('unavailable', `the upstream ${base} sends no body`)
    },
  }
}

function within({ signal }: Call): AbortSignal {
  const limit = AbortSignal.timeout(DOCUMENT_MS)
  return signal ? AbortSignal.any([signal, limit]) : limit
}

async function reached<T>(base: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (isCode(cause, 'unavailable')) throw cause
    return fail('unavailable', `the upstream ${base} cannot be reached`, { cause })
  }
}

/** An Authorization header that answers the challenge: a token, or the configured password. */
async function authorize(
  { username, password }: UpstreamConfig,
  challenge: string | null,
  repository: string,
): Promise<string | undefined> {
  const basic =
    username === undefined ? undefined : `Basic ${new TextEncoder().encode(`${username}:${password ?? ''}`).toBase64()}`
  if (!challenge || /^basic/i.test(challenge)) return basic
  const part = (name: string): string | undefined => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1]
  const realm = part('realm')
  if (realm === undefined || !/^https?:/.test(realm)) return undefined
  const url = new URL(realm)
  const service = part('service')
  if (service !== undefined) url.searchParams.set('service', service)
  url.searchParams.set('scope', part('scope') ?? `repository:${repository}:pull`)
  const headers: Record<string, string> = basic === undefined ? {} : { authorization: basic }
  const response = await reached(realm, fetch(url, { headers, signal: AbortSignal.timeout(DOCUMENT_MS) }))
  if (!response.ok || !response.body) return undefined
  const body = JSON.parse(new TextDecoder().decode(await collect(response.body, DOCUMENT_LIMIT))) as {
    readonly token?: unknown
    readonly access_token?: unknown
  }
  const token = body.token ?? body.access_token
  return typeof token === 'string' ? `Bearer ${token}` : undefined
}
