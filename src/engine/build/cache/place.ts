import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fail } from '#base'
import type { CacheSource } from '#build'
import { openLayout, type Target } from '#content'
import { parseReference, withDefaultTag } from '#oci'
import type { Parts } from '../../parts.ts'
import { repositoryOf } from '../../transport/registry.ts'
import type { BucketPlace, CachePlace, DirectoryPlace, RegistryPlace } from './types.ts'

/** An opened place, and the name that the cache has there. */
export interface OpenPlace {
  readonly target: Target
  readonly tag: string
}

/** As messages call it. */
export function placeName(place: CachePlace): string {
  if (place.type === 'registry') return place.ref
  return place.type === 'local' ? place.path : `s3://${place.bucket}/${place.prefix ?? ''}${place.name ?? NAME}`
}

/** What a build asks for records. */
export function cacheSource(parts: Parts, place: CachePlace): CacheSource {
  return {
    name: placeName(place),
    open: async (call) => {
      if (place.type === 'local' && !existsSync(place.path)) fail('not_found', `${place.path} does not exist`)
      const { target, tag } = await openPlace(parts, place)
      return { from: target, root: await target.resolve(tag, call) }
    },
  }
}

export async function openPlace(parts: Parts, place: CachePlace, create = false): Promise<OpenPlace> {
  switch (place.type) {
    case 'registry':
      return registryPlace(parts, place)
    case 'local':
      return directoryPlace(place, create)
    case 's3':
      return bucketPlace(place)
  }
}

async function registryPlace(parts: Parts, { ref, insecure }: RegistryPlace): Promise<OpenPlace> {
  const reference = withDefaultTag(parseReference(ref))
  const target = await repositoryOf(parts, reference, insecure ? { insecure } : {})
  return { target, tag: reference.digest ?? reference.tag ?? 'latest' }
}

function directoryPlace({ path, tag = 'latest' }: DirectoryPlace, create: boolean): OpenPlace {
  return { target: openLayout(resolve(path), { create }), tag }
}

const NAME = 'buildkit'

async function bucketPlace(place: BucketPlace): Promise<OpenPlace> {
  const { openS3Target } = await import('#registry/server')
  const { bucket, region, prefix, blobsPrefix, manifestsPrefix } = place
  const given = place.accessKeyId !== undefined
  const sessionToken = given ? place.sessionToken : process.env['AWS_SESSION_TOKEN']
  const target = openS3Target({
    endpoint: place.endpoint ?? `https://s3.${region}.amazonaws.com`,
    bucket,
    region,
    accessKeyId: place.accessKeyId ?? fromEnvironment('AWS_ACCESS_KEY_ID', 'access_key_id'),
    secretAccessKey: place.secretAccessKey ?? fromEnvironment('AWS_SECRET_ACCESS_KEY', 'secret_access_key'),
    ...(sessionToken ? { sessionToken } : {}),
    ...(prefix === undefined ? {} : { prefix }),
    ...(blobsPrefix === undefined ? {} : { blobs: blobsPrefix }),
    ...(manifestsPrefix === undefined ? {} : { manifests: manifestsPrefix }),
  })
  return { target, tag: place.name ?? NAME }
}

function fromEnvironment(variable: string, attribute: string): string {
  return (
    process.env[variable] ?? fail('unauthenticated', `the S3 cache has no ${attribute}`, { hint: `set ${variable}` })
  )
}
