import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fail, streamOf } from '#base'
import type { ByteStream, Call } from '#base'
import { DOCUMENT_LIMIT, isIndex, isManifest, MediaType, referrerOf } from '#oci'
import type { Descriptor, ImageIndex } from '#oci'
import { openDirectoryFiles } from '../archive/directoryfiles.ts'
import type { ImageArchive } from '../archive/types.ts'
import { writeBlob } from '../blobwrite.ts'
import { diskError } from '../diskerror.ts'
import { oneShotName } from '../ingesttable.ts'
import { letGo } from '../letgo.ts'
import { tagIsAlive } from '../process.ts'
import type { Target } from '../types.ts'
import { withLockFile } from './lock.ts'
import { entryMatches, nameAnnotations } from './names.ts'
import { referrersIn } from './referrers.ts'
import { blobPath, blobsOf, checkVersion, INDEX_FILE, LAYOUT_FILE, namesIn, readIndex } from './read.ts'

/** An OCI image layout directory, to read and to write. */
export interface Layout extends ImageArchive, Target {
  /** Takes a name away, or an entry by its digest; blobs stay. `not_found` without it. */
  untag(ref: string, call?: Call): Promise<void>
}

/**
 * Opens an OCI image layout (image-spec image-layout.md). With `create`, an absent or empty
 * directory becomes one. Writers in several processes may share it: blobs appear by rename,
 * index.json changes under a lock.
 */
export function openLayout(directory: string, options: { readonly create?: boolean } = {}): Layout {
  if (options.create) createLayout(directory)
  if (!existsSync(directory)) fail('not_found', `${directory} does not exist`)
  const files = openDirectoryFiles(directory)
  checkVersion(files)
  const index = (): ImageIndex => readIndex(files)
  const blobs = blobsOf(files)
  const change = (edit: (manifests: readonly Descriptor[]) => readonly Descriptor[], call?: Call): Promise<void> =>
    withLockFile(
      join(directory, '.index.lock'),
      () => {
        const before = index()
        writeWhole(directory, INDEX_FILE, { ...before, manifests: edit(before.manifests) })
      },
      call,
    )
  const write = (d: Descriptor, bytes: ByteStream, call?: Call): Promise<void> => {
    const temporary = join(directory, `.${oneShotName()}`)
    return writeBlob({ temporary, path: join(directory, blobPath(d.digest)) }, d, bytes, call)
  }
  return {
    ...blobs,
    ...namesIn(index, directory),
    put: async (d, bytes, call) => {
      if (await blobs.has(d)) return letGo(bytes)
      if (!isManifest(d.mediaType) && !isIndex(d.mediaType)) return write(d, bytes, call)
      const document = await collect(bytes, DOCUMENT_LIMIT)
      const referrer = referrerOf(d, document)
      // Listed before it is there: after a crash the blob is put again, and finds its entry.
      if (referrer) await change((all) => listed(all, referrer.descriptor), call)
      return write(d, streamOf(document), call)
    },
    referrers: (subject, call) => referrersIn(index(), blobs, subject.digest, call),
    tag: async (d, ref, call) => {
      if (!(await blobs.has(d)))
        fail('failed_precondition', `${d.digest} is not in ${directory}, so it cannot be named`)
      await change((all) => named(all, d, ref), call)
    },
    untag: (ref, call) =>
      change((all) => {
        const left = all.filter((entry) => !entryMatches(entry, ref))
        return left.length < all.length ? left : fail('not_found', `${directory} has no image ${ref}`)
      }, call),
  }
}

/** A name moves to its new image; an entry without a name gives way to one with. A digest is no name. */
function named(all: readonly Descriptor[], d: Descriptor, ref: string): readonly Descriptor[] {
  const { annotations, ...plain } = d
  if (ref === d.digest) return all.some((entry) => entry.digest === d.digest) ? all : [...all, plain]
  const entry: Descriptor = { ...plain, annotations: { ...annotations, ...nameAnnotations(ref) } }
  const isNameless = (other: Descriptor): boolean => other.digest === d.digest && other.annotations === undefined
  return [...all.filter((other) => !isNameless(other) && !entryMatches(other, ref)), entry]
}

/** What refers to an image is found by its entry: the artifact type tells it from images. */
function listed(all: readonly Descriptor[], referrer: Descriptor): readonly Descriptor[] {
  const { annotations: _, ...entry } = referrer
  return all.some(({ digest }) => digest === entry.digest) ? all : [...all, entry]
}

function createLayout(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true })
    const found = readdirSync(directory)
    if (found.includes(LAYOUT_FILE)) return sweep(directory, found)
    if (found.length > 0)
      fail('failed_precondition', `${directory} is neither empty nor an OCI layout`, {
        hint: 'name another directory: it is made if it is not there',
      })
    writeWhole(directory, INDEX_FILE, emptyIndex())
    writeWhole(directory, LAYOUT_FILE, { imageLayoutVersion: '1.0.0' })
  } catch (error) {
    throw diskError(error, 'create', directory)
  }
}

/** Removes what killed writers left: half a blob under a name that tells whose it was. */
function sweep(directory: string, names: readonly string[]): void {
  for (const name of names)
    if (name.startsWith('.put-') && tagIsAlive(name.slice('.put-'.length)) === false)
      rmSync(join(directory, name), { force: true })
}

function emptyIndex(): ImageIndex {
  return { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] }
}

function writeWhole(directory: string, name: string, document: object): void {
  const temporary = join(directory, `.${oneShotName()}`)
  try {
    writeFileSync(temporary, JSON.stringify(document), { flag: 'wx', mode: 0o644, flush: true })
    renameSync(temporary, join(directory, name))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw diskError(error, 'write', join(directory, name))
  }
}
