import { fail } from '#base'
import { acquireLease, localTarget, unionProvider } from '#content'
import { familiarName, formatReference, parseReference, withDefaultTag } from '#oci'
import { bringImage, giveName } from '../image/bring.ts'
import { imageContent } from '../image/content.ts'
import { distantLayers } from '../image/distant.ts'
import { factsFor } from '../image/facts.ts'
import { locate } from '../image/find.ts'
import { recompressed } from '../pack/layerforms.ts'
import type { Parts } from '../parts.ts'
import { rememberPulled } from '../registry/pulledtable.ts'
import { sourceOf } from '../registry/push.ts'
import type { Destination, Source } from './types.ts'

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
      const found = options?.compressed
        ? await sourceOf(parts, root, { lease }, call)
        : { root, content: await imageContent(parts) }
      return {
        root: found.root,
        from: { ...found.content, resolve: async () => found.root },
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
  const [store, names] = await Promise.all([parts.store(), parts.names()])
  return {
    name,
    target: localTarget(store, names, await imageContent(parts)),
    tag: id,
    receive: async ({ root, from, ...how }, options = {}) => {
      if (options.referrers)
        fail('invalid_argument', `${name}: the local store keeps nothing that refers to an image`, {
          hint: 'a registry or oci:DIR does',
        })
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
      return { root: brought.root, referrers: [], mounted: 0 }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}
