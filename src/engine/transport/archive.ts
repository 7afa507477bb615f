import { fail, type ByteStream, type Call } from '#base'
import { acquireLease, isLayout, openArchive, unionProvider } from '#content'
import { isDirectoryTransport, openImageArchive, saveImages } from '#image'
import { formatReference, parseReference, withDefaultTag } from '#oci'
import type { Parts } from '../parts.ts'
import { archivedSource } from './layout.ts'
import type { Location } from './location.ts'
import { chosenOf } from './select.ts'
import type { Destination, Found, Received, ReceiveOptions, Source } from './types.ts'
import { writeWhole } from './writewhole.ts'

type FileLocation = Extract<Location, { readonly path: string }>

/** A tar of images, compressed or not, of either kind, to read. */
export async function archiveSource(
  parts: Parts,
  name: string,
  { path, ref }: FileLocation,
  call?: Call,
): Promise<Source> {
  return streamedSource(parts, name, { path }, ref, call)
}

/** The images of a file or a stream; a stream is spooled in the store for as long as it is open. */
export async function streamedSource(
  parts: Parts,
  name: string,
  source: Parameters<typeof openArchive>[0],
  ref?: string,
  call?: Call,
): Promise<Source> {
  const files = await openArchive(source, { ...call, spool: (await parts.store()).spool })
  try {
    const archive = await openImageArchive(files, call)
    const opened = archivedSource(name, archive, ref, async () => files[Symbol.asyncDispose]())
    // An OCI layout has manifests of its own, whose digests stay; so has a dir:.
    return isLayout(files) || isDirectoryTransport(files) ? opened : compressing(parts, opened)
  } catch (error) {
    await files[Symbol.asyncDispose]()
    throw error
  }
}

/** What `docker save` wrote has no manifests: for registries they are made of compressed layers. */
function compressing(parts: Parts, source: Source): Source {
  const lease = acquireLease(parts.db, `copy ${source.name}`)
  return {
    ...source,
    find: async (options, call) => {
      const found = await source.find(options, call)
      if (!options?.compressed) return found
      const content = unionProvider(found.from, await parts.store())
      const { pack } = await import('../pack/pack.ts')
      const packed = await pack(parts, found.root, { content, lease, options: { compression: 'gzip' } }, call)
      return { ...found, root: packed.root, from: { ...packed.content, resolve: async () => packed.root } }
    },
    [Symbol.asyncDispose]: async () => {
      await lease[Symbol.asyncDispose]()
      await source[Symbol.asyncDispose]()
    },
  }
}

/** A tar to write: whole, or not at all. What was there is replaced. */
export async function archiveDestination(name: string, { kind, path, ref }: FileLocation): Promise<Destination> {
  const single = kind === 'docker-archive'
  return {
    name,
    ...(single ? { single } : {}),
    whole: true,
    receive: (image, options) => sent({ name, single, ref }, image, options, (tar) => writeWhole(path, tar)),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** Whoever takes an image as one tar, which is made as it is read: nothing is kept in between. */
export async function sent(
  to: { readonly name: string; readonly single: boolean; readonly ref?: string | undefined },
  image: Found,
  options: ReceiveOptions = {},
  send: (tar: ByteStream) => Promise<void>,
): Promise<Received> {
  if (options.referrers)
    fail('invalid_argument', `${to.name} cannot hold what refers to an image`, {
      hint: 'a registry or oci:DIR can',
    })
  const { root, from } = await chosenOf(image, { ...options, single: to.single, name: to.name })
  const ref = options.tag ?? to.ref ?? options.image
  await send(await saveImages([{ root, names: ref === undefined ? [] : [fullName(ref)] }], from, {}, options))
  return { root, referrers: [], mounted: 0 }
}

/** In full, but for a bare tag, which an OCI layout may have for a name. */
function fullName(ref: string): string {
  return /[/:@]/.test(ref) ? formatReference(withDefaultTag(parseReference(ref))) : ref
}
