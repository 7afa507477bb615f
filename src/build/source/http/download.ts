import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { CairnError, checkCanceled, fail, messageOf, type Call } from '#base'
import type { Database } from '#content'
import type { Digest } from '#oci'
import { httpGet, shown, type HttpRequest, type HttpResponse } from './request.ts'

/** Times are seconds since the epoch. What a server last sent for a URL, if it gave an ETag for it. */
const SCHEMA = `CREATE TABLE IF NOT EXISTS http_source (
  url TEXT PRIMARY KEY,
  etag TEXT NOT NULL,
  digest TEXT NOT NULL,
  modified INTEGER,
  used INTEGER NOT NULL
) WITHOUT ROWID`

/** URLs that are remembered; the longest unused one goes first. */
const URLS = 1024

/** More than any file that belongs into an image: an endless answer fills no disk. */
const LIMIT = 64 * 2 ** 30

/** Bytes between two reports. */
const STEP = 4 << 20

/** What a URL holds now. */
export interface Download {
  readonly digest: Digest
  readonly lastModified?: number
  /** The bytes, where they had to be fetched; the caller's to remove. */
  readonly path?: string
}

interface Row {
  readonly etag: string
  readonly digest: Digest
  readonly modified: number | null
}

export interface DownloadOptions extends Omit<HttpRequest, 'unlessEtag'> {
  readonly db: Database
  /** Where a fetched file is put. */
  readonly directory: string
  /** Fetch it even if it is known what it holds. */
  readonly isNeeded?: boolean
}

/** Finds out what a URL holds. What a server calls unchanged is not fetched again. */
export async function download(options: DownloadOptions, call?: Call): Promise<Download> {
  const { db, url, secret } = options
  db.schema(SCHEMA)
  const known = options.isNeeded
    ? undefined
    : db.get<Row>('SELECT etag, digest, modified FROM http_source WHERE url = ?', url)
  const response = await httpGet({ url, secret, unlessEtag: known?.etag }, call)
  try {
    if (known && (response.isUnchanged || response.etag === known.etag)) {
      db.run('UPDATE http_source SET used = ? WHERE url = ?', Date.now(), url)
      return { digest: known.digest, ...(known.modified === null ? {} : { lastModified: known.modified }) }
    }
    if (response.isUnchanged) fail('unavailable', `${shown(url)} answers 304 to a question that it was not asked`)
    const fetched = await save(response, options, call)
    remember(db, url, response, fetched.digest)
    return fetched
  } finally {
    await response.close()
  }
}

async function save(response: HttpResponse, { url, directory }: DownloadOptions, call?: Call): Promise<Download> {
  const path = join(directory, `http-${crypto.randomUUID()}`)
  const hasher = new Bun.CryptoHasher('sha256')
  const fd = openSync(path, 'wx', 0o600)
  let size = 0
  const told = tell(response, url, call)
  try {
    for await (const chunk of response.body) {
      checkCanceled(call)
      size += chunk.length
      if (size > LIMIT) fail('resource_exhausted', `${shown(url)} is larger than ${LIMIT} bytes`)
      hasher.update(chunk)
      writeWhole(fd, chunk)
      told(size)
    }
    told(size, true)
  } catch (error) {
    rmSync(path, { force: true })
    if (error instanceof CairnError) throw error
    checkCanceled(call)
    fail('unavailable', `${shown(url)} broke off after ${size} bytes: ${messageOf(error)}`, { cause: error })
  } finally {
    closeSync(fd)
  }
  const { lastModified } = response
  return { path, digest: `sha256:${hasher.digest('hex')}`, ...(lastModified === undefined ? {} : { lastModified }) }
}

/** Reports every few megabytes. */
function tell({ size: total }: HttpResponse, url: string, call?: Call): (size: number, done?: boolean) => void {
  let last = 0
  const name = `download ${shown(url)}`
  return (current, done = false) => {
    if (!done && current - last < STEP) return
    last = current
    const known = total === undefined ? {} : { total }
    call?.progress?.({
      kind: 'status',
      id: shown(url),
      name,
      current,
      ...known,
      unit: 'bytes',
      ...(done ? { done } : {}),
    })
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
}

function remember(db: Database, url: string, { etag, lastModified }: HttpResponse, digest: Digest): void {
  // A URL with a password is nothing to keep.
  if (etag === undefined || new URL(url).password !== '') return
  db.immediate(() => {
    db.run(
      'INSERT INTO http_source (url, etag, digest, modified, used) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (url) DO UPDATE SET etag = ?2, digest = ?3, modified = ?4, used = ?5',
      url,
      etag,
      digest,
      lastModified ?? null,
      Date.now(),
    )
    db.run('DELETE FROM http_source WHERE url NOT IN (SELECT url FROM http_source ORDER BY used DESC LIMIT ?)', URLS)
  })
}
