import type { ByteStream, Call } from '#base'
import type { Descriptor, Digest } from '#oci'
import type { ContentStore, ContentProvider } from '#content'
import type { Mount } from '#sys'

/** How this host lays layers out; chosen by probing, never by version. */
export type LayerFormat = 'erofs' | 'erofs-loop' | 'directory'

/** A layer on disk. */
export interface LayerInfo {
  readonly diffId: Digest
  /** Bytes of the uncompressed tar. */
  readonly tarSize: number
  /** Bytes that it occupies on disk here. */
  readonly diskSize: number
}

/**
 * Layers by diff ID, each an EROFS file with its tar inside (or a directory where the kernel
 * cannot mount that). Also a provider of uncompressed layer blobs: the tar is in the file.
 *
 * A layer appears whole or not at all: it is written to a temporary name, hashed on the way,
 * synced and renamed. Two processes that add one layer share the work by flock.
 */
export interface LayerStore extends ContentProvider {
  readonly format: LayerFormat
  stat(diffId: Digest): LayerInfo | undefined
  /**
   * Stores a layer from its blob in one pass: verify the blob, keep it in `keep` if given (a
   * compressed blob that is to be exported again under its own digest), inflate, verify the
   * diff ID, write the layer. What `open` gives need not be verified. For a layer that is there
   * already `open` is not called, unless its blob is still to be kept.
   */
  add(
    layer: { readonly descriptor: Descriptor; readonly diffId: Digest },
    open: () => Promise<ByteStream>,
    keep?: ContentStore,
    call?: Call,
  ): Promise<LayerInfo>
  /** Stores a layer whose digest is not known yet (a build step's, an import's). */
  create(tar: ByteStream, call?: Call): Promise<LayerInfo>
  /** `data_loss` if the layer's bytes are no longer those that were written. Cheap while the file is untouched. */
  verify(diffId: Digest, call?: Call): Promise<void>
  remove(diffId: Digest): Promise<void>
  list(): Iterable<LayerInfo>
}

/**
 * Root filesystems over layers. Answers with mounts, never mounts: the caller makes them in a
 * private mount namespace (`applyMounts`), so that they vanish with its last process.
 *
 * `dir` is the caller's: `upper/`, `work/` and `rootfs/` (the merged view) are made in it. The
 * layers' own mount points are `<run>/layers/<hex>` in every namespace: one process mounts a
 * layer once, however many roots it lays over it.
 */
export interface Snapshotter {
  /** A writable root at `<dir>/rootfs`; `layers` from the base up. */
  prepare(dir: string, layers: readonly Digest[], options?: PrepareOptions, call?: Call): Promise<RootFs>
  /** A read-only root at `<dir>/rootfs`. */
  view(dir: string, layers: readonly Digest[], call?: Call): Promise<RootFs>
  /** The writable part of `dir`: the bytes that its files take on disk (as with Docker, directories take none), and all inodes. */
  usage(dir: string): Promise<Usage>
}

export interface PrepareOptions {
  /** Lose the upper directory's durability for speed: `--rm` containers and build steps. */
  readonly volatile?: boolean
  /** Where the merged view is mounted, instead of `<dir>/rootfs`. */
  readonly at?: string
}

export interface RootFs {
  readonly path: string
  /** Where changes are written; absent for a view. */
  readonly upper?: string
  readonly mounts: readonly Mount[]
}

export interface Usage {
  readonly bytes: number
  readonly inodes: number
}

/** Turns what a step or container changed into a layer, and back. */
export interface Differ {
  /**
   * The tar of an overlay upper directory: whiteouts for 0/0 devices, opaque markers, hard links,
   * xattrs (overlay's own stripped), entries sorted, timestamps clamped as the options ask.
   */
  compare(upper: string, options?: CompareOptions, call?: Call): ByteStream
  /**
   * What an overlay upper directory changes in `lower`, the mounted layers below it, a directory before what is in it. Of
   * `stubs`, paths where mounts are made, those that are new and empty are marked.
   */
  changes(upper: string, lower: string, stubs: Iterable<string>): Iterable<Change>
  /** Extracts a layer's tar over a directory, whiteouts applied, every path resolved inside it by the kernel. */
  apply(tar: ByteStream, root: string, call?: Call): Promise<void>
  /**
   * The tar of a file, or of a directory with all below it, as `as` (empty: what is in the directory, after `./`). Files are
   * what they are, whatever they are called. Sockets are left out, and so is what the kernel makes up in /proc and its like.
   */
  archive(place: FilePlace, as: string, call?: Call): ByteStream
  /**
   * Makes the files of a tar below a directory, every path resolved in `root` by the kernel. A file replaces a file;
   * `failed_precondition` where one of file and directory stands in the other's place.
   */
  extract(tar: ByteStream, root: string, options?: ExtractOptions, call?: Call): Promise<void>
}

/** One path that a container has changed, relative to its root. */
export interface Change {
  readonly kind: 'added' | 'modified' | 'deleted'
  readonly path: string
  /** No change that anybody made: an empty mount point, a directory with nothing else in it, a file as it was before. */
  readonly stub?: true
}

/** A file by its name in an open directory; `.` is the directory itself. */
export interface FilePlace {
  readonly directory: number
  readonly name: string
}

export interface ExtractOptions {
  /** The directory, a path in the root: default the root itself. */
  readonly under?: string
  /** Whose the files become; default: whoever the tar says. */
  readonly owner?: { readonly uid: number; readonly gid: number }
}

export interface CompareOptions {
  /** Times later than this become this, in seconds since the epoch (SOURCE_DATE_EPOCH). */
  readonly clamp?: number
  /** Seconds since the epoch: only times later than this become `clamp`, as if they were later than that. Default: `clamp`. */
  readonly since?: number
  /** Every time becomes `clamp`. */
  readonly force?: boolean
  /** Paths (relative, no leading slash) that are left out, with all below them. */
  readonly exclude?: readonly string[]
  /**
   * The roots of the layers below, mounted (an overlay mount's `lower`). With them an opaque marker
   * is written only for a directory that hides one of theirs; without them for every directory
   * that overlayfs marked, new ones included.
   */
  readonly lower?: readonly string[]
}
