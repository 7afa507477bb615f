import type { Call } from '#base'
import type { IndexNote } from '#image'
import type { Descriptor, EncodedDocument, Platform } from '#oci'

/** Where a new or changed index goes, and whether. */
export interface IndexTarget {
  /** Only says what the index would be. */
  readonly dryRun?: boolean
  /** The registry's certificate need not be valid, and it may speak plain HTTP. */
  readonly insecure?: boolean
}

/** Images and indexes that go into an index, as `cairn copy` names them; a name alone is in its registry. */
export interface IndexSources {
  readonly sources: readonly string[]
  /** Of sources that are indexes, these platforms alone. */
  readonly platforms?: readonly string[]
}

/** A new index. */
export interface CreateIndex extends IndexTarget, IndexSources {
  readonly annotations?: Readonly<Record<string, string>>
  readonly artifactType?: string
  /** Default: OCI's, or Docker's where all images are. */
  readonly mediaType?: 'oci' | 'docker'
}

/** What is changed of an index; all of it in one push. */
export interface EditIndex extends IndexTarget {
  /** Another name for the changed index. Default: its own. */
  readonly to?: string
  readonly add?: IndexSources & {
    /** In the place of images for the same platforms. */
    readonly replace?: boolean
    /** Of the new entries. */
    readonly annotations?: Readonly<Record<string, string>>
  }
  /** Entries by digest or platform. */
  readonly remove?: readonly string[]
  /** Only these platforms stay. */
  readonly keep?: readonly string[]
  readonly note?: IndexNote
}

/** An index as it is now. */
export interface EditedIndex {
  /** Where it is. */
  readonly name: string
  readonly root: Descriptor
  readonly bytes: Uint8Array
}

/** Indexes, in registries, layouts and the store. */
export interface Indexes {
  create(name: string, request: CreateIndex, call?: Call): Promise<EditedIndex>
  edit(name: string, request: EditIndex, call?: Call): Promise<EditedIndex>
  readonly drafts: Drafts
}

/** Docker's manifest lists: gathered here until they are pushed. */
export interface Drafts {
  /** Makes a list, or with `amend` adds to it; answers its full name. */
  create(
    list: string,
    sources: readonly string[],
    options?: { readonly amend?: boolean; readonly insecure?: boolean },
    call?: Call,
  ): Promise<string>
  /** Says for which platform an image of the list is. */
  annotate(list: string, image: string, platform: Partial<Platform>): Promise<void>
  /** The list as it would be pushed; undefined when there is none of that name. */
  document(list: string): Promise<EncodedDocument | undefined>
  /** Sends the list to its registry, with those of its images that are not there. */
  push(
    list: string,
    options?: { readonly purge?: boolean; readonly insecure?: boolean },
    call?: Call,
  ): Promise<Descriptor>
  remove(list: string): Promise<void>
}
