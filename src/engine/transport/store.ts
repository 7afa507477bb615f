import { fail } from '#base'
import { acquireLease, onlyPresent, openReferrers, readDocument, unionProvider } from '#content'
import type { ContentProvider, Lease, ReadOnlyTarget } from '#content'
import {
  familiarName,
  formatReference,
  isIndex,
  parseIndex,
  parseReference,
  withDefaultTag,
  type Descriptor,
} from '#oci'
import { copyReferrers } from '#registry/client'
import { bringImage, giveName } from '../image/bring.ts'
import { imageContent } from '../image/content.ts'
import { distantLayers } from '../image/distant.ts'
import { factsFor } from '../image/facts.ts'
import { locate } from '../image/find.ts'
import { localReferrers, referrerTarget } from '../image/referrers.ts'
import { recompressed } from '../pack/layerforms.ts'
import { withoutLost } from '../pack/lost.ts'
import type { Parts } from '../parts.ts'
import { rememberPulled } from '../registry/pulledtable.ts'
import { sourceOf } from '../registry/push.ts'
import type { Destination, ReceiveOptions, Source } from './types.ts'

/** An image of the local store, kept from gc while it is read. */
export async function storeSource(parts: Parts, name: string, ref: string): Promise<Source> {
  const { root, name: image } = await locate(parts, ref)
  const lease = acquireLease(parts.db, `copy ${ref}`)
  lease.add(root.digest)
  const distant = await distantLayers(parts)
  const kept = unionProvider(await parts.store(), await parts.layers(), await recompressed(parts))
  return {
    name,
    ...(image === undefined ? {} : { image }),
    find: async (options, call) => {
      if (options?.tag !== undefined) fail('invalid_argument', `${name} is one image, not a repository`)
      const content = await imageContent(parts)
      const found = options?.compressed
        ? await sourceOf(parts, root, { lease }, call)
        : options?.whole
          ? await withoutLost(parts, root, { content, lease }, call)
          : { root, content }
      return {
        root: found.root,
        from: await sentFrom(parts, found),
        sparse: true,
        distantTar: async (blob) => ((await kept.has(blob)) ? undefined : distant.tarOf(blob.digest)),
      }
    },
    [Symbol.asyncDispose]: async () => lease[Symbol.asyncDispose](),
  }
}

/** A name in the local store: of an index the image for this host alone, unless more is asked for. */
export async function storeDestination(parts: Parts, name: string, ref: string): Promise<Destination> {
  const reference = withDefaultTag(parseReference(ref))
  const id = formatReference(reference)
  const placing = acquireLease(parts.db, `write ${id}`)
  return {
    name,
    target: await referrerTarget(parts, placing),
    tag: id,
    receive: async ({ root, from, ...how }, options = {}) => {
      if (reference.digest !== undefined && reference.digest !== root.digest)
        fail('invalid_argument', `${name} cannot name ${root.digest}`)
      const named = options.tag === undefined ? reference : { ...reference, tag: options.tag }
      await using lease = acquireLease(parts.db, `copy ${familiarName(named)}`)
      const brought = await bringImage({ parts, lease, vertex: id, ...options, ...how }, from, root, options)
      // Another machine's own images come with plain layers, which registries get compressed.
      if (how.origin !== undefined && !how.origin.startsWith('ssh://'))
        rememberPulled(parts.db, [brought.root.digest, brought.image.descriptor.digest])
      await giveName(parts, named, brought)
      await factsFor(parts, brought.root, options)
      const referrers = options.referrers ? await takeReferrers(parts, from, brought.root, { ...options, lease }) : []
      return { root: brought.root, referrers, mounted: 0 }
    },
    [Symbol.asyncDispose]: async () => placing[Symbol.asyncDispose](),
  }
}

/** A store's image as others read it: with what refers to it, and cosign's tags. */
export async function sentFrom(
  parts: Parts,
  { root, content }: { readonly root: Descriptor; readonly content: ContentProvider },
): Promise<ReadOnlyTarget> {
  const table = openReferrers(parts.db)
  return {
    ...content,
    ...(await localReferrers(parts)),
    resolve: async (ref) =>
      ref === root.digest ? root : (table.tagged(ref) ?? fail('not_found', `${ref} names nothing that refers to it`)),
  }
}

/** Brings what refers to the image, and to those of its index that are here. */
export async function takeReferrers(
  parts: Parts,
  from: ReadOnlyTarget,
  root: Descriptor,
  options: ReceiveOptions & { readonly lease: Lease },
): Promise<readonly Descriptor[]> {
  const { platforms: _, tag: _tag, image: _image, all: _all, ...rest } = options
  const documents = [root, ...(await childrenOf(await parts.store(), root))]
  return copyReferrers(from, await referrerTarget(parts, options.lease), documents, rest)
}

async function childrenOf(store: ContentProvider, root: Descriptor): Promise<readonly Descriptor[]> {
  if (!isIndex(root.mediaType)) return []
  const { manifests } = parseIndex(await readDocument(store, root), root.mediaType)
  return onlyPresent(store)(manifests, root)
}
