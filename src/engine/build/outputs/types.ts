import type { ByteStream } from '#base'
import type { PackOptions } from '../../pack/types.ts'

/** Takes a tar as it is made; for standard output. */
export type Sink = (tar: ByteStream) => Promise<void>

/** Where a build's result goes: buildx's exporters. */
export type BuildOutput = ImageOutput | ArchiveOutput | FilesOutput | { readonly type: 'cacheonly' }

/** The local store, and with `push` the registries of its names. */
export interface ImageOutput extends PackOptions {
  readonly type: 'image'
  /** Default: the build's tags. */
  readonly names?: readonly string[]
  readonly push?: boolean
  /** No tag moves in the registry. */
  readonly pushByDigest?: boolean
  /** Certificates need not be valid, and registries may speak plain HTTP. */
  readonly insecure?: boolean
  /**
   * Where statements about the image are: `index` (default) beside it in an index, and as its referrers too;
   * `referrers`: there alone, in the registries. Then the name stands for the same as without them.
   */
  readonly attestations?: 'index' | 'referrers'
  /** False: nothing is named here. */
  readonly store?: boolean
}

/** An OCI layout, or a docker-archive that is one as well. */
export interface ArchiveOutput extends PackOptions {
  readonly type: 'oci' | 'docker'
  readonly names?: readonly string[]
  /** A file, or a directory with `tar: false`. */
  readonly dest: string | Sink
  readonly tar?: boolean
}

/** The root file system as it is. */
export type FilesOutput = DirectoryOutput | TarOutput

export interface DirectoryOutput {
  readonly type: 'local'
  readonly dest: string
  /** A directory for each platform; default only where there are several. */
  readonly platformSplit?: boolean
  /** What is in the directory and not in the result: `delete` removes it. Default `copy`: it stays. */
  readonly mode?: 'copy' | 'delete'
}

export interface TarOutput {
  readonly type: 'tar'
  readonly dest: string | Sink
  readonly platformSplit?: boolean
}
