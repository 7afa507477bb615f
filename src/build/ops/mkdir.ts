import { digestData } from '../digest.ts'
import type { Op } from '../types.ts'
import type { MkdirDefinition, Stack } from './definition.ts'
import { resolveOwner, ROOT } from './owner.ts'
import { addLayer, madeTime, stackDep, withView, type StepEnvironment } from './step.ts'
import { LayerTarget } from './target.ts'
import { layerTar } from './writelayer.ts'

/** WORKDIR: the directory and those above it, where they are missing. A layer either way. */
export function mkdirOp(def: MkdirDefinition, { host }: StepEnvironment): Op<Stack> {
  return {
    cacheMap: async () => ({ digest: digestData(def), deps: def.below ? [stackDep] : [] }),
    exec: ([below = []], call) =>
      withView(
        host,
        below,
        async (view) => {
          const target = new LayerTarget(view)
          const owner = def.user === '' ? ROOT : resolveOwner(below.length > 0 ? view.root : undefined, def.user, call)
          target.makeDirectory(def.path, { ...owner, mode: 0o755, mtime: madeTime(def.epoch) })
          return await addLayer(host, below, layerTar(target.entries, call), call)
        },
        call,
      ),
  }
}
