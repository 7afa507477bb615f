import { fail } from '#base'
import { sender, type S3ClientOptions, type Sender } from './send.ts'
import { escapePath, presignUrl } from './sign.ts'

/** The few operations of S3 that the registry needs; every one may be repeated without harm. */
export interface S3Client {
  get(key: string, range?: { readonly start: number; readonly end: number }): Promise<S3Object | undefined>
  head(key: string): Promise<{ readonly size: number; readonly etag: string } | undefined>
  /** The new ETag; undefined when the condition does not hold. */
  put(key: string, body: Uint8Array, condition?: S3Condition): Promise<string | undefined>
  /** False when the condition does not hold. */
  delete(key: string, ifMatch?: string): Promise<boolean>
  /** One page of keys in order. */
  list(prefix: string, page: { readonly after?: string; readonly limit?: number }): Promise<S3Page>
  /** Makes one object out of others, in the store; each must still have the ETag that is given. */
  compose(key: string, parts: readonly S3Part[]): Promise<void>
  presign(key: string, seconds: number): string
}

export interface S3Object {
  readonly etag: string
  readonly size: number
  readonly body: ReadableStream<Uint8Array>
}

export interface S3Part {
  readonly key: string
  readonly etag: string
}

/** Only if nothing is there, or only if this is. */
export type S3Condition = { readonly ifNoneMatch: '*' } | { readonly ifMatch: string }

/** An object as a listing shows it. */
export interface S3Entry extends S3Part {
  readonly size: number
}

export interface S3Page {
  readonly entries: readonly S3Entry[]
  /** There are more after the last entry. */
  readonly more: boolean
}

export function s3Client(options: S3ClientOptions): S3Client {
  const { endpoint, bucket } = options
  const send = sender(options)
  return {
    get: async (key, range) => {
      const headers = range ? { range: `bytes=${range.start}-${range.end - 1}` } : {}
      const response = await send('GET', key, { headers })
      if (!response.ok) return dropped(response)
      const body = response.body ?? new Blob([]).stream()
      return { etag: etagOf(response), size: Number(response.headers.get('content-length')), body }
    },
    head: async (key) => {
      const response = await send('HEAD', key)
      if (!response.ok) return undefined
      return { size: Number(response.headers.get('content-length')), etag: etagOf(response) }
    },
    put: async (key, body, condition) => {
      const response = await send('PUT', key, { body, headers: headersOf(condition) })
      await response.body?.cancel()
      return response.ok ? etagOf(response) : undefined
    },
    delete: async (key, ifMatch) => {
      const response = await send('DELETE', key, { headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } })
      await response.body?.cancel()
      return response.ok
    },
    list: async (prefix, { after, limit }) => {
      const query: Record<string, string> = {
        'list-type': '2',
        prefix,
        'max-keys': String(Math.min(limit ?? 1000, 1000)),
      }
      if (after !== undefined) query['start-after'] = after
      return pageIn(await (await send('GET', '', { query })).text())
    },
    compose: (key, parts) => compose(send, bucket, key, parts),
    presign: (key, seconds) => presignUrl(endpoint, options, `/${bucket}/${key}`, seconds, new Date()),
  }
}

/** Every object whose key starts with `prefix`, in order, page by page. */
export async function* objectsUnder(client: S3Client, prefix: string): AsyncGenerator<S3Entry, void, void> {
  for (let after: string | undefined, more = true; more;) {
    const page = await client.list(prefix, after === undefined ? {} : { after })
    yield* page.entries
    after = page.entries.at(-1)?.key
    more = page.more && after !== undefined
  }
}

function headersOf(condition: S3Condition | undefined): Readonly<Record<string, string>> {
  if (condition === undefined) return {}
  // Without quotes, as all take it: Ceph's gateway compares it as it comes.
  return 'ifMatch' in condition ? { 'if-match': condition.ifMatch.replaceAll('"', '') } : { 'if-none-match': '*' }
}

async function compose(send: Sender, bucket: string, key: string, parts: readonly S3Part[]): Promise<void> {
  const source = (part: S3Part): Record<string, string> => ({
    'x-amz-copy-source': escapePath(`/${bucket}/${part.key}`),
    'x-amz-copy-source-if-match': part.etag,
  })
  const [only] = parts
  if (parts.length === 1 && only) return copied(await send('PUT', key, { headers: source(only) }))
  const begun = await (await send('POST', key, { query: { uploads: '' } })).text()
  const uploadId = unescapeXml(
    /<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1] ?? fail('unavailable', 'the object store begins no upload'),
  )
  try {
    const etags: string[] = []
    for (const [i, part] of parts.entries()) {
      const query = { partNumber: String(i + 1), uploadId }
      const response = await send('PUT', key, { query, headers: source(part) })
      if (!response.ok) copied(response)
      etags.push(unescapeXml(/<ETag>([^<]+)<\/ETag>/.exec(await response.text())?.[1] ?? ''))
    }
    const list = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`).join('')
    const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`
    const done = await send('POST', key, { query: { uploadId }, body })
    // Amazon answers 200 at once and may say in the body that it failed.
    if (!done.ok || /<Error>/.test(await done.text()))
      fail('unavailable', 'the object store did not complete an upload')
  } catch (error) {
    await send('DELETE', key, { query: { uploadId } }).catch(() => undefined)
    throw error
  }
}

function copied(response: Response): void {
  if (!response.ok) fail('unavailable', 'part of an upload was changed by another server')
}

async function dropped(response: Response): Promise<undefined> {
  await response.body?.cancel()
  return undefined
}

function etagOf(response: Response): string {
  return response.headers.get('etag') ?? ''
}

/** The answer to ListObjectsV2. */
function pageIn(xml: string): S3Page {
  const entries = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, content = '']) => {
    const member = (name: string): string =>
      unescapeXml(new RegExp(`<${name}>([^<]*)</${name}>`).exec(content)?.[1] ?? '')
    return { key: member('Key'), size: Number(member('Size')), etag: member('ETag') }
  })
  return { entries, more: /<IsTruncated>true<\/IsTruncated>/.test(xml) }
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  return text.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (decimal) return String.fromCodePoint(Number(decimal))
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16))
    return named[name] ?? whole
  })
}
