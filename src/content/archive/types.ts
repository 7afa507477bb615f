import type { Call } from '#base'
import type { Descriptor } from '#oci'
import type { ReadOnlyTarget } from '../types.ts'

/** One image of an archive with the names it was saved under, in full (`docker.io/library/debian:12`). */
export interface ArchivedImage {
  readonly root: Descriptor
  readonly names: readonly string[]
}

/** An archive whose images can be listed: an OCI layout or a docker-archive, packed or not. */
export interface ImageArchive extends ReadOnlyTarget {
  /** In the archive's order, each root once; attestations and other artifacts left out. */
  images(call?: Call): Promise<readonly ArchivedImage[]>
  /** What its entries are called there, bare tags included: each is something to resolve. */
  refs?(call?: Call): Promise<readonly string[]>
}
