import { fail, type Call } from '#base'
import { openLayout, readDocument, type ArchivedImage, type ImageArchive } from '#content'
import { familiarName, isDigest, isIndex, isTag, parseIndex, parseReference, type Descriptor, type Digest } from '#oci'
import { copyImage } from '#registry/client'
import type { Location } from './location.ts'
import { copyOptions } from './registry.ts'
import type { Destination, Source } from './types.ts'

type FileLocation = Extract<Location, { readonly path: string }>

/** An OCI layout directory to read. */
export async function layoutSource(name: string, { path, ref }: FileLocation): Promise<Source> {
  return archivedSource(name, openLayout(path), ref)
}

/** An OCI layout directory to write, made where there is none. */
export async function layoutDestination(name: string, { path, ref }: FileLocation): Promise<Destination> {
  const target = openLayout(path, { create: true })
  return {
    name,
    target,
    whole: true,
    ...(ref === undefined ? {} : { tag: ref }),
    receive: async ({ root, from, sparse }, options = {}) => {
      const tag = options.tag ?? ref ?? root.digest
      if (isDigest(tag) && tag !== root.digest) fail('invalid_argument', `${name} cannot name ${root.digest}`)
      return copyImage(from, target, root, { ...copyOptions(options), ...(sparse ? { sparse } : {}), tags: [tag] })
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** An archive of any kind as a place to read from; `dispose` lets go of what it took to open it. */
export function archivedSource(
  name: string,
  archive: ImageArchive,
  ref: string | undefined,
  dispose: () => Promise<void> = async () => undefined,
): Source {
  return {
    name,
    ...imageName(ref),
    find: async (options) => ({
      root: await rootOf(archive, name, options?.tag ?? ref),
      from: archive,
      sparse: true,
    }),
    tags: async function* (call) {
      yield* await namesOf(archive, call)
    },
    [Symbol.asyncDispose]: dispose,
  }
}

/** The one that is asked for by name, digest or number, or the only one. */
async function rootOf(archive: ImageArchive, where: string, ref: string | undefined): Promise<Descriptor> {
  const number = /^@(\d{1,6})$/.exec(ref ?? '')?.[1]
  const images = await archive.images()
  if (ref !== undefined && number === undefined)
    return (isDigest(ref) && (await insideIndexes(archive, images, ref))) || archive.resolve(ref)
  if (number !== undefined)
    return images[Number(number)]?.root ?? fail('not_found', `${where}: there are ${images.length} images`)
  if (images.length === 1) return images[0]!.root
  return fail('invalid_argument', `${where} holds ${images.length} images: say which`, {
    hint: images
      .flatMap(({ root, names }) => names.map(shortName).concat(names.length ? [] : [root.digest]))
      .join(', '),
  })
}

/** An image of an index has no entry of its own: it is looked for in the indexes that have. */
async function insideIndexes(
  archive: ImageArchive,
  images: readonly ArchivedImage[],
  digest: Digest,
): Promise<Descriptor | undefined> {
  for (const { root } of images) {
    if (!isIndex(root.mediaType) || !(await archive.has(root))) continue
    const { manifests } = parseIndex(await readDocument(archive, root), root.mediaType)
    const found = manifests.find((entry) => entry.digest === digest)
    if (found) return { mediaType: found.mediaType, digest, size: found.size }
  }
  return undefined
}

async function namesOf(archive: ImageArchive, call?: Call): Promise<readonly string[]> {
  return archive.refs ? archive.refs(call) : (await archive.images(call)).flatMap(({ names }) => names)
}

function shortName(name: string): string {
  return isTag(name) ? name : familiarName(parseReference(name))
}

/** A whole name goes on to where names are whole; a bare tag (`v1`) is none. */
function imageName(ref: string | undefined): { readonly image?: string } {
  if (ref === undefined || isDigest(ref) || !/[/:]/.test(ref)) return {}
  return { image: ref }
}
