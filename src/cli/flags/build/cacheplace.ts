import { fail } from '#base'
import type { CacheDestination, CachePlace } from '#engine'
import { Attributes } from '../attributes.ts'
import { csvFields } from '../csv.ts'

const TYPES = ['registry', 'local', 's3', 'inline', 'gha', 'azblob'] as const

/** One `--cache-from`: `type=registry,ref=NAME`, or a name alone. */
export function parseCacheFrom(text: string): CachePlace {
  const given = attributesOf(text, '--cache-from')
  const place = placeOf(given, 'src')
  if (place.type === 'inline')
    fail('invalid_argument', '--cache-from has no type=inline', { hint: "type=registry with the image's name" })
  given.end()
  return place
}

/** One `--cache-to`. */
export function parseCacheTo(text: string): CacheDestination {
  const given = attributesOf(text, '--cache-to')
  const place = placeOf(given, 'dest')
  const compression = given.choice('compression', ['gzip', 'zstd', 'uncompressed'])
  const mode = given.choice('mode', ['min', 'max'])
  if (place.type === 'inline' && mode === 'max')
    fail('invalid_argument', '--cache-to type=inline has mode=min alone', { hint: 'type=registry takes mode=max' })
  for (const name of ['image-manifest', 'oci-mediatypes'])
    if (given.boolean(name) === false)
      fail('unimplemented', `--cache-to ${name}=false is not supported`, { hint: 'a cache is an OCI artifact' })
  const destination: CacheDestination = {
    ...place,
    ...optional('mode', mode),
    ...optional('compression', compression === 'uncompressed' ? ('none' as const) : compression),
    ...optional('level', given.integer('compression-level')),
    ...optional('force', given.boolean('force-compression')),
    ...optional('ignoreError', given.boolean('ignore-error')),
  }
  given.end()
  return destination
}

function attributesOf(text: string, flag: string): Attributes {
  const fields = csvFields(text)
  const isName = fields.length === 1 && !fields[0]!.includes('=')
  return new Attributes(isName ? `type=registry,ref=${fields[0]}` : text, flag)
}

function placeOf(given: Attributes, path: 'src' | 'dest'): CachePlace | { readonly type: 'inline' } {
  const type =
    given.choice('type', TYPES) ??
    fail('invalid_argument', 'a cache needs type=', { hint: TYPES.slice(0, 4).join(', ') })
  switch (type) {
    case 'registry':
      return { type, ref: given.required('ref'), ...optional('insecure', given.boolean('registry.insecure')) }
    case 'local':
      return { type, path: given.required(path), ...optional('tag', given.text('digest') ?? given.text('tag')) }
    case 's3':
      return bucketOf(given)
    case 'inline':
      return { type }
    default:
      return fail('unimplemented', `a cache of type=${type} is not supported`, { hint: TYPES.slice(0, 4).join(', ') })
  }
}

function bucketOf(given: Attributes): CachePlace {
  if (given.boolean('use_path_style') === false)
    fail('unimplemented', 'use_path_style=false is not supported: buckets are addressed by path')
  return {
    type: 's3',
    bucket: given.required('bucket'),
    region: given.text('region') ?? process.env['AWS_REGION'] ?? 'us-east-1',
    ...optional('endpoint', given.text('endpoint_url')),
    ...optional('prefix', given.text('prefix')),
    ...optional('blobsPrefix', given.text('blobs_prefix')),
    ...optional('manifestsPrefix', given.text('manifests_prefix')),
    ...optional('name', given.text('name')),
    ...optional('accessKeyId', given.text('access_key_id')),
    ...optional('secretAccessKey', given.text('secret_access_key')),
    ...optional('sessionToken', given.text('session_token')),
  }
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V }
}
