import { collect, fail, text, utf8 } from '#base'
import type { RecordCondition, RecordStorage, StoredRecord } from '../../types.ts'
import { holds } from '../records.ts'
import type { S3Client } from './client.ts'

/** A record may not be larger: annotations of a referrer are the most there is. */
const RECORD_LIMIT = 8 * 1024 * 1024
const AT_ONCE = 16
const TRIES = 50

/** Records as small objects `{"t": touched, "v": value}`; conditions are held by conditional writes. */
export function s3Records(client: S3Client, prefix: string, now: () => number): RecordStorage {
  const read = async (key: string): Promise<Read | undefined> => {
    const object = await client.get(objectKey(prefix, key))
    if (!object) return undefined
    const { t, v } = JSON.parse(text(await collect(object.body, RECORD_LIMIT))) as {
      readonly t: number
      readonly v: string
    }
    return { record: { key, value: v, touched: t }, etag: object.etag }
  }
  const write = (key: string, value: string, over: Read | undefined | 'anything'): Promise<string | undefined> => {
    // The nonce lets no two writes have one ETag, which is all that a condition can see.
    const body = utf8(JSON.stringify({ t: now(), v: value, n: crypto.randomUUID() }))
    const condition = over === 'anything' ? undefined : over ? { ifMatch: over.etag } : { ifNoneMatch: '*' as const }
    return client.put(objectKey(prefix, key), body, condition)
  }
  /** Reads, decides, writes on the condition that nobody else wrote; again when somebody did. */
  const change = async (
    key: string,
    condition: RecordCondition,
    apply: (read: Read | undefined) => Promise<boolean>,
  ): Promise<boolean> => {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const found = await read(key)
      if (!holds(found?.record, condition)) return false
      if (await apply(found)) return true
    }
    return fail('unavailable', `too many writers of the record ${key}`)
  }
  return {
    get: async (key) => (await read(key))?.record,
    put: async (key, value, condition) => {
      if (condition === undefined) return (await write(key, value, 'anything')) !== undefined
      return change(key, condition, async (found) => (await write(key, value, found)) !== undefined)
    },
    touch: async (key) => {
      let there = true
      await change(key, {}, async (found) => {
        if (!found) return !(there = false)
        return (await write(key, found.record.value, found)) !== undefined
      })
      return there
    },
    delete: async (key, condition = {}) => {
      let there = true
      const held = await change(key, condition, async (found) => {
        if (!found) return !(there = false)
        return client.delete(objectKey(prefix, key), found.etag)
      })
      return held && there
    },
    list: async (start, page = {}) => {
      const keys = await listKeys(client, prefix, start, page)
      if (page.keys) return keys.map((key) => ({ key, value: '', touched: 0 }))
      const found: (StoredRecord | undefined)[] = []
      for (let at = 0; at < keys.length; at += AT_ONCE)
        found.push(...(await Promise.all(keys.slice(at, at + AT_ONCE).map(async (key) => (await read(key))?.record))))
      return found.filter((record) => record !== undefined)
    },
  }
}

interface Read {
  readonly record: StoredRecord
  readonly etag: string
}

async function listKeys(
  client: S3Client,
  prefix: string,
  start: string,
  page: { readonly after?: string; readonly limit?: number },
): Promise<readonly string[]> {
  const keys: string[] = []
  const limit = page.limit ?? Infinity
  let after = page.after === undefined ? undefined : objectKey(prefix, page.after)
  while (keys.length < limit) {
    const want = {
      ...(after === undefined ? {} : { after }),
      ...(limit === Infinity ? {} : { limit: limit - keys.length }),
    }
    const { entries, more } = await client.list(objectKey(prefix, start), want)
    keys.push(...entries.map(({ key }) => recordKey(prefix, key)))
    after = entries.at(-1)?.key
    if (!more || after === undefined) break
  }
  return keys
}

/** Only the kind is a directory: gateways over a file system cannot have `a` and `a/b`. */
function objectKey(prefix: string, key: string): string {
  const slash = key.indexOf('/')
  return `${prefix}records/${key.slice(0, slash + 1)}${key.slice(slash + 1).replaceAll('/', '!')}`
}

function recordKey(prefix: string, object: string): string {
  return object.slice(`${prefix}records/`.length).replaceAll('!', '/')
}
