/** Where an S3-compatible store is, and the key to it. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** Default `us-east-1`, which most stores other than Amazon's take. */
  readonly region?: string
}

/** A request before it is signed. Path and query as they are meant, not yet escaped. */
export interface S3Request {
  readonly method: string
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

export interface SignedRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Streams are not hashed twice: TLS and the digest of the blob guard the bytes. */
const UNSIGNED = 'UNSIGNED-PAYLOAD'
const SERVICE = 's3'

/** Signs by headers: AWS Signature Version 4, with an unsigned payload. */
export function signRequest(endpoint: string, key: S3Credentials, request: S3Request, now: Date): SignedRequest {
  const { host } = new URL(endpoint)
  const time = timestamp(now)
  const headers: Record<string, string> = {
    ...request.headers,
    'x-amz-content-sha256': UNSIGNED,
    'x-amz-date': time,
    ...(key.sessionToken === undefined ? {} : { 'x-amz-security-token': key.sessionToken }),
  }
  const signed = Object.entries({ ...headers, host }).filter(([name]) => name === 'host' || name.startsWith('x-amz-'))
  const names = signed.map(([name]) => name).toSorted()
  const query = queryString(request.query ?? {})
  const lines = names.map((name) => `${name}:${(name === 'host' ? host : headers[name])?.trim()}\n`).join('')
  const canonical = [request.method, escapePath(request.path), query, lines, names.join(';'), UNSIGNED].join('\n')
  const { scope, signature } = signatureOf(key, time, canonical)
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return { url: addressOf(endpoint, request.path, query), headers }
}

/** A URL that works without further headers for so many seconds. */
export function presignUrl(endpoint: string, key: S3Credentials, path: string, seconds: number, now: Date): string {
  const { host } = new URL(endpoint)
  const time = timestamp(now)
  const query = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${key.accessKeyId}/${scopeOf(key, time)}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(seconds),
    'X-Amz-SignedHeaders': 'host',
    ...(key.sessionToken === undefined ? {} : { 'X-Amz-Security-Token': key.sessionToken }),
  }
  const text = queryString(query)
  const canonical = ['GET', escapePath(path), text, `host:${host}\n`, 'host', UNSIGNED].join('\n')
  return `${addressOf(endpoint, path, text)}&X-Amz-Signature=${signatureOf(key, time, canonical).signature}`
}

function addressOf(endpoint: string, path: string, query: string): string {
  return `${endpoint.replace(/\/+$/, '')}${escapePath(path)}${query === '' ? '' : `?${query}`}`
}

function signatureOf(key: S3Credentials, time: string, canonical: string): { scope: string; signature: string } {
  const scope = scopeOf(key, time)
  const hash = new Bun.CryptoHasher('sha256').update(canonical).digest('hex')
  const parts = scope.split('/')
  let secret: string | Uint8Array = `AWS4${key.secretAccessKey}`
  for (const part of parts) secret = mac(secret, part)
  const signature = mac(secret, ['AWS4-HMAC-SHA256', time, scope, hash].join('\n')).toHex()
  return { scope, signature }
}

function scopeOf({ region = 'us-east-1' }: S3Credentials, time: string): string {
  return `${time.slice(0, 8)}/${region}/${SERVICE}/aws4_request`
}

function mac(key: string | Uint8Array, text: string): Uint8Array {
  return new Uint8Array(new Bun.CryptoHasher('sha256', key).update(text).digest())
}

function timestamp(now: Date): string {
  return `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

/** RFC 3986: everything but unreserved characters, the slashes of a path left alone. */
export function escapePath(path: string): string {
  return path.split('/').map(escape).join('/')
}

function queryString(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .toSorted()
    .join('&')
}

function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}
