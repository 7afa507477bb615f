import { fail } from '#base'
import { digestData } from '../digest.ts'
import type { Op } from '../types.ts'
import type { ImageDefinition, Stack } from './definition.ts'
import type { StepEnvironment } from './step.ts'

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
          await host.layers.add(layer, () => layer.blob({ ...call, verify: false }), undefined, call)
        }),
      )
      if (!image && def.layers.length > 0) fail('internal', 'an image vertex without its image')
      return def.layers
    },
  }
}
