import { fail, type Call } from '#base'
import type { Layer } from '#image'
import { digestData } from '../digest.ts'
import type { BuildHost, Op } from '../types.ts'
import type { ImageDefinition, Stack } from './definition.ts'
import type { StepEnvironment } from './step.ts'

/** Lays a base's layer out. Its compressed blob is kept beside it: the image that is built lists it. */
export async function addBaseLayer({ layers, lease, content }: BuildHost, layer: Layer, call?: Call): Promise<void> {
  const { descriptor, diffId } = layer
  lease.add(diffId)
  lease.add(descriptor.digest)
  const keep = descriptor.digest === diffId ? undefined : content
  await layers.add(layer, () => layer.blob({ ...call, verify: false }), keep, call)
}

/** FROM: the image's layers, laid out on disk where they are not yet. */
export function imageOp(def: ImageDefinition, { host, images }: StepEnvironment): Op<Stack> {
  return {
    cacheMap: async () => ({ digest: digestData({ op: 'image', layers: def.layers }), deps: [], transient: true }),
    async exec(_inputs, call) {
      const image = def.manifest && images.get(def.manifest)
      await Promise.all(
        (image?.layers ?? []).map(async (layer) => {
          host.lease.add(layer.diffId)
          if (host.layers.stat(layer.diffId)) return
          await addBaseLayer(host, layer, call)
        }),
      )
      if (!image && def.layers.length > 0) fail('internal', 'an image vertex without its image')
      return def.layers
    },
  }
}
