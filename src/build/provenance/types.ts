import type { Digest, Platform } from '#oci'
import type { BuildVertex } from '../ops/definition.ts'
import type { BuildOptions, ResolvedSource } from '../types.ts'

/** How much a provenance tells. `max` adds what was asked for with its values, the steps and the Dockerfile. */
export interface ProvenanceOptions {
  readonly mode: 'min' | 'max'
  /** Who builds: a URI. */
  readonly builderId?: string
}

/** A base image as it was found. */
export interface BaseMaterial {
  readonly ref: string
  readonly platform: Platform
  /** Of the manifest. */
  readonly digest: Digest
}

/** Everything that a finished build knows of where it came from. */
export interface BuildOrigin {
  readonly options: BuildOptions
  readonly dockerfile: { readonly name: string; readonly text: string }
  readonly bases: readonly BaseMaterial[]
  readonly sources: readonly ResolvedSource[]
  /** Of what was read of each local context, by its name. */
  readonly locals: ReadonlyMap<string, Digest>
  /** Of the context's git HEAD, where it is in a repository. */
  readonly revision?: { readonly commit: string; readonly remote?: string }
}

/** One platform's part of it. */
export interface ImageOrigin {
  readonly platform: Platform
  readonly vertex: BuildVertex | undefined
}
