import type { CacheMode } from '#build'
import type { PackOptions } from '../../pack/types.ts'

/** Where a build cache is kept. */
export type CachePlace = RegistryPlace | DirectoryPlace | BucketPlace

export interface RegistryPlace {
  readonly type: 'registry'
  /** A name with a tag: of a cache, or of an image that a cache refers to. */
  readonly ref: string
  readonly insecure?: boolean
}

export interface DirectoryPlace {
  readonly type: 'local'
  readonly path: string
  /** Default `latest`. */
  readonly tag?: string
}

export interface BucketPlace {
  readonly type: 's3'
  readonly bucket: string
  readonly region: string
  /** Default Amazon's for the region. */
  readonly endpoint?: string
  readonly prefix?: string
  readonly blobsPrefix?: string
  readonly manifestsPrefix?: string
  /** Default `buildkit`, as with buildx. */
  readonly name?: string
  /** Those of the environment unless given. */
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly sessionToken?: string
}

/** `inline`: beside the images that are pushed. */
export type CacheDestination = (CachePlace | { readonly type: 'inline' }) &
  Pick<PackOptions, 'compression' | 'level' | 'force'> & {
    /** Default `min`. */
    readonly mode?: CacheMode
    /** A cache that cannot be written is a warning. */
    readonly ignoreError?: boolean
  }
