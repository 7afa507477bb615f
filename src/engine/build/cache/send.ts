import { messageOf, type Call } from '#base'
import { writeCache, type CacheContents, type RemoteLayer } from '#build'
import { unionProvider, type ContentProvider } from '#content'
import { layerOf } from '#image'
import { MediaType, parseReference, type Descriptor, type Digest } from '#oci'
import { compressedLayer, isInForm, LEVELS } from '../../pack/layerforms.ts'
import type { OutputSession } from '../outputs/session.ts'
import { openPlace, placeName } from './place.ts'
import type { CacheDestination } from './types.ts'

/** An image that went out: what an inline cache is beside. */
export interface SentImage {
  readonly root: Descriptor
  readonly names: readonly string[]
}

/** Sends the build's records to every place that was named. */
export async function sendCaches(
  session: OutputSession,
  to: { readonly places: readonly CacheDestination[]; readonly pushed?: SentImage | undefined },
  call?: Call,
): Promise<void> {
  for (const place of to.places) {
    const name = place.type === 'inline' ? 'inline' : placeName(place)
    const step = {
      kind: 'vertex',
      id: `cache to ${name}`,
      name: `exporting cache to ${name}`,
      started: Date.now(),
    } as const
    call?.progress?.(step)
    try {
      await send(session, place, to.pushed, call)
    } catch (error) {
      if (!place.ignoreError || call?.signal?.aborted) throw error
      call?.progress?.({ kind: 'warning', message: `no cache was exported to ${name}: ${messageOf(error)}` })
    }
    call?.progress?.({ ...step, completed: Date.now() })
  }
}

async function send(
  session: OutputSession,
  place: CacheDestination,
  pushed: SentImage | undefined,
  call?: Call,
): Promise<void> {
  const contents = await session.result.cache.contents(place.type === 'inline' ? 'min' : (place.mode ?? 'min'))
  const layers = await storedLayers(session, place, contents)
  if (place.type !== 'inline') {
    const { target, tag } = await openPlace(session.parts, place, true)
    await writeCache(target, { contents, ...layers, tag }, call)
    return
  }
  if (!pushed) {
    const message = 'an inline cache goes with a pushed image, and nothing was pushed'
    call?.progress?.({ kind: 'warning', message })
  }
  for (const name of pushed?.names ?? []) {
    const { client } = await session.parts.registries()
    await writeCache(client.repository(parseReference(name)), { contents, ...layers, subject: pushed!.root }, call)
  }
}

/** Layers as a cache keeps them: compressed, those that are only in another cache as they are there. */
async function storedLayers(
  { parts, lease, content, result }: OutputSession,
  { compression = 'gzip', level, force }: CacheDestination,
  contents: CacheContents,
): Promise<{
  readonly layer: (diffId: Digest, call?: Call) => Promise<Descriptor>
  readonly content: ContentProvider
}> {
  const local = await parts.layers()
  const remote = new Map<Digest, RemoteLayer>()
  const layer = async (diffId: Digest, call?: Call): Promise<Descriptor> => {
    const elsewhere = local.stat(diffId) ? undefined : await result.cache.remoteLayer(diffId)
    if (elsewhere && force && !isInForm(elsewhere.descriptor, compression)) {
      lease.add(diffId)
      await local.add({ descriptor: elsewhere.descriptor, diffId }, () =>
        elsewhere.content.open(elsewhere.descriptor, call),
      )
    } else if (elsewhere) {
      remote.set(elsewhere.descriptor.digest, elsewhere)
      return elsewhere.descriptor
    }
    const descriptor = { mediaType: MediaType.ociLayer, digest: diffId, size: contents.sizeOf(diffId) }
    if (compression === 'none') return descriptor
    const form = { compression, level: level ?? LEVELS[compression][2] }
    return compressedLayer(parts, layerOf(content, descriptor, diffId), { form, lease }, call)
  }
  const elsewhere: ContentProvider = {
    has: async (d) => remote.has(d.digest),
    open: async (d, call) => remote.get(d.digest)!.content.open(d, call),
  }
  return { layer, content: unionProvider(elsewhere, content) }
}
