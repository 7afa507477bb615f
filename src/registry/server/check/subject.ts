import { utf8 } from '#base'
import { createHasher } from '#codec'
import { MediaType } from '#oci'
import type { CheckOptions, Made, SendInit, Subject } from './types.ts'
import { CheckFailure, NotOffered } from './types.ts'

export function subjectAt(url: string, options: CheckOptions): Subject {
  const base = url.replace(/\/+$/, '')
  const [one, two] = options.repositories ?? ['cairn-check/one', 'cairn-check/two']
  const send = (method: string, path: string, init: SendInit = {}): Promise<Response> => {
    const target = /^https?:\/\//.test(path) ? path : `${base}${path}`
    const request: RequestInit = { method, redirect: method === 'GET' ? 'follow' : 'manual' }
    if (init.headers) request.headers = { ...init.headers }
    if (init.body !== undefined) request.body = init.body as Uint8Array<ArrayBuffer> | string
    return (options.fetch ?? fetch)(target, request)
  }
  const pushBlob = async (repository: string, bytes: Uint8Array): Promise<string> => {
    const digest = digestOf(bytes)
    const begun = await send('POST', `/v2/${repository}/blobs/uploads/`)
    await expectStatus(begun, 202)
    const put = await send('PUT', located(begun, digest), { body: bytes, headers: OCTETS })
    await expectStatus(put, 201)
    return digest
  }
  const image = async (repository: string, extra: object = {}): Promise<Made> => {
    const layer = unique('layer')
    const config = utf8(
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }),
    )
    await pushBlob(repository, layer)
    await pushBlob(repository, config)
    return manifestOf({
      config: describe(MediaType.ociConfig, config),
      layers: [describe(MediaType.ociLayer, layer)],
      ...extra,
    })
  }
  const pushManifest = (repository: string, reference: string, { bytes, mediaType }: Made): Promise<Response> =>
    send('PUT', `/v2/${repository}/manifests/${reference}`, { body: bytes, headers: { 'content-type': mediaType } })
  return { one, two, send, pushBlob, image, pushManifest }
}

export const OCTETS = { 'content-type': 'application/octet-stream' } as const

export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  const hasher = createHasher(algorithm)
  hasher.update(bytes)
  return hasher.digest()
}

/** Bytes that no other call returns. */
export function unique(text: string, length = 0): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, 0))
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return length > 0 ? bytes : utf8(`${text} ${crypto.randomUUID()}`)
}

export function describe(mediaType: string, bytes: Uint8Array): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

/** A document as bytes. Its type is told by the members. */
export function manifestOf(members: object): Made {
  const mediaType = 'manifests' in members ? MediaType.ociIndex : MediaType.ociManifest
  const bytes = utf8(JSON.stringify({ schemaVersion: 2, mediaType, ...members }))
  return { bytes, digest: digestOf(bytes), mediaType }
}

/** The upload's address of an answer, perhaps with the digest that ends it. */
export function located(response: Response, digest?: string): string {
  const location = response.headers.get('location')
  if (!location) throw new CheckFailure('the answer has no Location')
  const url = new URL(location, response.url)
  if (digest !== undefined) url.searchParams.set('digest', digest)
  return url.href
}

export async function expectStatus(response: Response, ...statuses: readonly number[]): Promise<void> {
  if (statuses.includes(response.status)) return
  const body = (await response.text()).slice(0, 200)
  throw new CheckFailure(`expected status ${statuses.join(' or ')}, got ${response.status} ${body}`)
}

/** Like {@link expectStatus}, but 404, 405 and 501 mean that the registry does without. */
export async function expectOffered(response: Response, ...statuses: readonly number[]): Promise<void> {
  if ([404, 405, 501].includes(response.status) && !statuses.includes(response.status))
    throw new NotOffered(`the registry answers ${response.status}`)
  await expectStatus(response, ...statuses)
}

/** The status, and one of the specification's error documents with one of these codes. */
export async function expectError(response: Response, statuses: readonly number[], ...codes: string[]): Promise<void> {
  if (!statuses.includes(response.status)) return expectStatus(response, ...statuses)
  const body = await response.text()
  let found: unknown
  try {
    found = (JSON.parse(body) as { errors?: { code?: unknown }[] }).errors?.[0]?.code
  } catch {
    throw new CheckFailure(`the body is not an error document: ${body.slice(0, 200)}`)
  }
  if (!codes.includes(String(found))) throw new CheckFailure(`expected ${codes.join(' or ')}, got ${String(found)}`)
}

export function expectHeader(response: Response, name: string, expected: string | RegExp): void {
  const value = response.headers.get(name)
  const fits = typeof expected === 'string' ? value === expected : expected.test(value ?? '')
  if (!fits) throw new CheckFailure(`expected ${name}: ${String(expected)}, got ${value}`)
}

export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new CheckFailure(`${what}: expected ${b?.slice(0, 300)}, got ${a?.slice(0, 300)}`)
}

export async function expectBytes(response: Response, expected: Uint8Array): Promise<void> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (digestOf(bytes) !== digestOf(expected))
    throw new CheckFailure(`expected ${expected.length} certain bytes, got ${bytes.length} others`)
}
