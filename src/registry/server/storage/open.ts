import { fail } from '#base'
import * as v from 'valibot'
import type { RegistryStorage } from '../types.ts'
import { openDirectoryStorage } from './directory.ts'
import { openS3Storage } from './s3/storage.ts'

/** Where a registry keeps everything, as a user writes it. */
export type StorageConfig =
  | {
      readonly kind: 'directory'
      /** An engine's own root may be given: then its gc collects the blobs. */
      readonly root: string
    }
  | {
      readonly kind: 's3'
      /** `https://s3.eu-central-1.amazonaws.com`; buckets are addressed by path. */
      readonly endpoint: string
      readonly bucket: string
      /** Before every key; empty, or ending in a slash. */
      readonly prefix?: string
      readonly region?: string
      /** Keys not given here are those of the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. */
      readonly accessKeyId?: string
      readonly secretAccessKey?: string
      /** Sends clients to the store for blobs, by URLs that hold for so many seconds. */
      readonly redirectSeconds?: number
    }

const text = v.pipe(v.string(), v.minLength(1))

const schema: v.GenericSchema<unknown, StorageConfig> = v.variant('kind', [
  v.strictObject({ kind: v.literal('directory'), root: text }),
  v.strictObject({
    kind: v.literal('s3'),
    endpoint: v.pipe(v.string(), v.url(), v.regex(/^https?:/, 'http or https')),
    bucket: text,
    prefix: v.exactOptional(v.pipe(v.string(), v.regex(/^(?:|.*\/)$/, 'empty, or ending in /'))),
    region: v.exactOptional(text),
    accessKeyId: v.exactOptional(text),
    secretAccessKey: v.exactOptional(text),
    redirectSeconds: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(604_800))),
  }),
])

/** Opens the storage that a configuration names; `invalid_argument` says what is wrong with it. */
export function openStorage(
  config: unknown,
  env: Readonly<Record<string, string | undefined>> = process.env,
): RegistryStorage {
  const result = v.safeParse(schema, config)
  if (!result.success) {
    const [issue] = result.issues
    return fail('invalid_argument', `registry storage: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`)
  }
  const storage = result.output
  if (storage.kind === 'directory') return openDirectoryStorage({ root: storage.root })
  const { kind: _, ...options } = storage
  const accessKeyId = options.accessKeyId ?? env.AWS_ACCESS_KEY_ID ?? lacksKey('accessKeyId', 'AWS_ACCESS_KEY_ID')
  const secretAccessKey =
    options.secretAccessKey ?? env.AWS_SECRET_ACCESS_KEY ?? lacksKey('secretAccessKey', 'AWS_SECRET_ACCESS_KEY')
  const sessionToken = options.accessKeyId === undefined ? env.AWS_SESSION_TOKEN : undefined
  return openS3Storage({ ...options, accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) })
}

function lacksKey(member: string, variable: string): never {
  return fail('invalid_argument', `registry storage: ${member} is missing`, { hint: `set ${variable}` })
}
