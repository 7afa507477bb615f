import { collect } from '#base'
import type { ByteStream } from '#base'
import { isDigest } from '#oci'
import type { Digest } from '#oci'
import type { BlobInfo, ByteRange } from '../types.ts'
import { refuse } from './refusal.ts'
import type { Exchange, Service } from './service.ts'

/** GET and HEAD of a blob: ranges, conditions, and the file sent by the kernel. */
export async function getBlob(service: Service, exchange: Exchange, name: string, digest: Digest): Promise<Response> {
  const blob = await findBlob(service, exchange, name, digest)
  const { request } = exchange
  const etag = `"${digest}"`
  const headers: Record<string, string> = {
    'docker-content-digest': digest,
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000, immutable',
    'content-type': 'application/octet-stream',
  }
  if (matches(request.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  const ranged = request.headers.get('if-range') ?? etag
  const range = ranged === etag ? rangeOf(request.headers.get('range'), blob) : undefined
  const { start, end } = range ?? { start: 0, end: blob.size }
  if (range) headers['content-range'] = `bytes ${start}-${end - 1}/${blob.size}`
  const status = range ? 206 : 200
  headers['content-length'] = String(end - start)
  if (request.method === 'HEAD') return new Response(null, { status, headers })
  service.notify({ action: 'pull', kind: 'blob', repository: name, digest, size: end - start, ...userOf(exchange) })
  const body = await service.storage.blobs.read(blob, { start, end }, exchange.call)
  if (body.kind === 'redirect') return Response.redirect(body.url, 307)
  if (body.kind === 'stream') return streamed(body.stream, end - start, { status, headers })
  return new Response(Bun.file(body.path).slice(start, end, 'application/octet-stream'), { status, headers })
}

export async function deleteBlob(
  service: Service,
  exchange: Exchange,
  name: string,
  digest: Digest,
): Promise<Response> {
  if (!(await service.repositories.unlinkBlob(name, digest))) unknownBlob(digest)
  service.notify({ action: 'delete', kind: 'blob', repository: name, digest, ...userOf(exchange) })
  return new Response(null, { status: 202 })
}

/** The digest in a path or query, or DIGEST_INVALID. */
export function digestParameter(text: string): Digest {
  if (isDigest(text)) return text
  return refuse('DIGEST_INVALID', `not a sha256 or sha512 digest: ${JSON.stringify(text.slice(0, 150))}`)
}

export function userOf({ user }: Exchange): { readonly user?: string } {
  return user === undefined ? {} : { user }
}

/** True when an If-None-Match or If-Match header names the tag (or any). */
export function matches(header: string | null, etag: string): boolean {
  if (header === null) return false
  return header.split(',').some((part) => {
    const tag = part.trim().replace(/^W\//, '')
    return tag === '*' || tag === etag
  })
}

async function findBlob(service: Service, exchange: Exchange, name: string, digest: Digest): Promise<BlobInfo> {
  const blob = await service.repositories.blob(name, digest)
  if (blob) {
    // A client that is told "it is here" will push a manifest that needs it: gc must let it live on.
    if (exchange.request.method === 'HEAD') await service.repositories.keepBlob(name, digest)
    return blob
  }
  if (await exchange.patiently(() => service.fetchBlob(name, digest)))
    return (await service.repositories.blob(name, digest)) ?? unknownBlob(digest)
  return unknownBlob(digest)
}

function unknownBlob(digest: Digest): never {
  return refuse('BLOB_UNKNOWN', 'the repository has no such blob', { detail: { digest } })
}

/** RFC 9110, one range; several, or a header that makes no sense, mean the whole. */
function rangeOf(header: string | null, { size }: BlobInfo): ByteRange | undefined {
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(header ?? '')
  if (!match) return undefined
  const [, from, to, last] = match
  const start = from === undefined ? Math.max(0, size - Number(last)) : Number(from)
  const end = from === undefined || to === '' || to === undefined ? size : Math.min(size, Number(to) + 1)
  if (from !== undefined && to !== undefined && to !== '' && Number(to) < start) return undefined
  if (start >= size || end <= start)
    refuse('SIZE_INVALID', `the range is outside the blob's ${size} bytes`, {
      status: 416,
      headers: { 'content-range': `bytes */${size}` },
    })
  return { start, end }
}

/** Bun sends a stream without its length: what is small is sent in one piece, with it. */
const ONE_PIECE = 4 * 1024 * 1024

async function streamed(stream: ByteStream, size: number, init: ResponseInit): Promise<Response> {
  if (size > ONE_PIECE) return new Response(streamBody(stream), init)
  return new Response((await collect(stream, size)) as Uint8Array<ArrayBuffer>, init)
}

function streamBody(stream: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      // The producer may use its buffer again.
      else controller.enqueue(value.slice())
    },
    cancel: async () => {
      await iterator.return?.()
    },
  })
}
