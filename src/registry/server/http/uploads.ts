import { isCode } from '#base'
import type { Digest } from '#oci'
import type { BlobInfo, BlobUpload } from '../types.ts'
import { digestParameter, userOf } from './blobs.ts'
import { bodyOf, contentLength } from './body.ts'
import { refuse } from './refusal.ts'
import { checkedName } from './route.ts'
import type { Exchange, Service } from './service.ts'

/** POST: begins an upload, takes a whole blob with `digest`, or mounts one with `mount`. */
export async function beginUpload(service: Service, exchange: Exchange, name: string): Promise<Response> {
  const query = exchange.url.searchParams
  const mount = query.get('mount')
  if (mount !== null) {
    const mounted = await mountBlob(service, exchange, name, digestParameter(mount))
    if (mounted) return mounted
  }
  const algorithm = query.get('digest-algorithm')
  if (algorithm !== null && algorithm !== 'sha256' && algorithm !== 'sha512')
    refuse('UNSUPPORTED', `digest algorithm ${JSON.stringify(algorithm.slice(0, 50))} is not known here`, {
      status: 400,
    })
  const digest = mount === null ? query.get('digest') : null
  const wanted = digest === null ? undefined : digestParameter(digest)
  await service.checkQuota(name, contentLength(exchange.request) ?? 0)
  const id = await service.uploads.begin(name)
  if (wanted === undefined) return progress(name, id, 0)
  return finish(service, exchange, { name, id, digest: wanted }, true)
}

/** PATCH: the next bytes. With Content-Range exactly those that follow what is there. */
export function continueUpload(service: Service, exchange: Exchange, name: string, id: string): Promise<Response> {
  return service.uploads.use(name, id, async (upload) => {
    await append(service, exchange, { name, id }, upload)
    return progress(name, id, upload.offset)
  })
}

/** PUT: perhaps the last bytes, then the digest that all of them must have. */
export function finishUpload(service: Service, exchange: Exchange, name: string, id: string): Promise<Response> {
  const digest = digestParameter(exchange.url.searchParams.get('digest') ?? '')
  return finish(service, exchange, { name, id, digest }, false)
}

/** GET: how far it has come. */
export function uploadStatus(service: Service, name: string, id: string): Promise<Response> {
  return service.uploads.use(name, id, async ({ offset }) => progress(name, id, offset, 204))
}

export async function cancelUpload(service: Service, name: string, id: string): Promise<Response> {
  await service.uploads.use(name, id, async (upload) => {
    await upload.abort()
    await service.uploads.end(id)
  })
  return new Response(null, { status: 204 })
}

interface Place {
  readonly name: string
  readonly id: string
}

async function finish(
  service: Service,
  exchange: Exchange,
  place: Place & { readonly digest: Digest },
  single: boolean,
): Promise<Response> {
  const { name, id, digest } = place
  try {
    await service.uploads.use(name, id, async (upload) => {
      await append(service, exchange, place, upload)
      // Syncing gigabytes, and hashing them again for sha512, takes longer than an idle connection lives.
      const blob = await exchange.patiently(() => commit(service, upload, digest, id))
      if (!(await service.repositories.linkBlob(name, blob)))
        refuse('BLOB_UPLOAD_UNKNOWN', 'the upload was lost; begin another')
    })
  } catch (error) {
    // Nobody can resume a single POST: its id was never told.
    if (single) await cancelUpload(service, name, id).catch(() => undefined)
    throw error
  }
  service.notify({ action: 'push', kind: 'blob', repository: name, digest, ...userOf(exchange) })
  return created(name, digest)
}

/** Committed or not, the upload has ended. */
async function commit(service: Service, upload: BlobUpload, digest: Digest, id: string): Promise<BlobInfo> {
  try {
    return await upload.commit(digest)
  } catch (error) {
    if (isCode(error, 'data_loss')) refuse('DIGEST_INVALID', error.message, { detail: { digest } })
    throw error
  } finally {
    await service.uploads.end(id)
  }
}

/** Bytes of a body without a length after which its quota is looked at again. */
const QUOTA_STEP = 64 * 1024 * 1024

async function append(service: Service, exchange: Exchange, { name, id }: Place, upload: BlobUpload): Promise<void> {
  const { request } = exchange
  const expected = chunkLength(request, upload.offset, () => progress(name, id, upload.offset))
  await service.checkQuota(name, upload.offset + (expected ?? 0))
  let left = expected ?? Infinity
  let unchecked = 0
  for await (const chunk of bodyOf(request, service.bodyLimits)) {
    left -= chunk.length
    if (left < 0) refuse('SIZE_INVALID', 'the body is longer than its Content-Range')
    await upload.write(chunk)
    unchecked += chunk.length
    if (expected !== undefined || unchecked < QUOTA_STEP) continue
    await service.checkQuota(name, upload.offset)
    unchecked = 0
  }
}

/** The length that Content-Range announces; 416 when it does not begin where the upload stands. */
function chunkLength(request: Request, offset: number, standing: () => Response): number | undefined {
  const announced = contentLength(request)
  const header = request.headers.get('content-range')
  if (header === null) return announced
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header)
  if (!match) refuse('BLOB_UPLOAD_INVALID', 'ill-formed Content-Range', { status: 416, headers: headersOf(standing()) })
  const start = Number(match[1])
  const length = Number(match[2]) + 1 - start
  if (start !== offset || length < 0)
    refuse('BLOB_UPLOAD_INVALID', `the upload stands at byte ${offset}, not at ${start}`, {
      status: 416,
      headers: headersOf(standing()),
    })
  if (announced !== undefined && announced !== length)
    refuse('SIZE_INVALID', `Content-Range announces ${length} bytes, Content-Length ${announced}`)
  return length
}

function headersOf(response: Response): Record<string, string> {
  return Object.fromEntries(response.headers)
}

/** `Range: 0-0` also says that nothing has come yet: the header cannot express an empty range. */
function progress(name: string, id: string, offset: number, status = 202): Response {
  return new Response(null, {
    status,
    headers: {
      location: `/v2/${name}/blobs/uploads/${id}`,
      range: `0-${Math.max(0, offset - 1)}`,
      'docker-upload-uuid': id,
      'cache-control': 'no-store',
    },
  })
}

function created(name: string, digest: Digest): Response {
  return new Response(null, {
    status: 201,
    headers: { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest },
  })
}

/** Repositories looked through for a mount that does not say from where. */
const SEARCHED = 1000

async function mountBlob(
  service: Service,
  exchange: Exchange,
  name: string,
  digest: Digest,
): Promise<Response | undefined> {
  const from = exchange.url.searchParams.get('from')
  const blob = await service.storage.blobs.stat(digest)
  if (!blob) return undefined
  const sources = from ? [checkedName(from)] : await service.repositories.list({ limit: SEARCHED })
  for (const source of sources) {
    if (!exchange.may('pull', source)) continue
    if (!(await service.repositories.blob(source, digest))) continue
    await service.checkQuota(name, blob.size)
    if (!(await service.repositories.linkBlob(name, blob))) return undefined
    service.notify({ action: 'mount', kind: 'blob', repository: name, digest, size: blob.size, ...userOf(exchange) })
    return created(name, digest)
  }
  return undefined
}
