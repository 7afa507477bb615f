import { fail, type Call } from '#base'
import { MediaType } from '#oci'
import { digestData } from '../digest.ts'
import type { BuildHost, Op } from '../types.ts'
import type { SquashDefinition, Stack } from './definition.ts'
import { addLayer, mountOnce, stackDep, stepStart, withStepDirectory, type StepEnvironment } from './step.ts'

/**
 * `--squash`: the layers above the base become one. They are laid over the base for real, one after another, so the
 * kernel decides what is left of them; the layer is what changed.
 */
export function squashOp(def: SquashDefinition, { host }: StepEnvironment): Op<Stack> {
  return {
    cacheMap: async () => ({ digest: digestData(def), deps: [stackDep] }),
    exec: async ([stack = []], call) => {
      const [base, own] = [stack.slice(0, def.base), stack.slice(def.base)]
      return own.length < 2 ? stack : await squashed(host, def, { base, own }, call)
    },
  }
}

async function squashed(
  host: BuildHost,
  def: SquashDefinition,
  { base, own }: { readonly base: Stack; readonly own: Stack },
  call?: Call,
): Promise<Stack> {
  return await withStepDirectory(host, async (dir) => {
    const started = stepStart()
    const root = await host.snapshots.prepare(dir, base, { volatile: true }, call)
    mountOnce(root.mounts)
    for (const digest of own) {
      const { tarSize: size } = host.layers.stat(digest) ?? fail('data_loss', `layer ${digest} is gone`)
      const tar = await host.layers.open({ mediaType: MediaType.ociLayer, digest, size }, call)
      await host.differ.apply(tar, root.path, call)
    }
    const lower = root.mounts.flatMap((mount) => (mount.type === 'overlay' ? mount.lower : []))
    const times = def.epoch === undefined ? { clamp: 0, since: started } : { clamp: def.epoch }
    return await addLayer(host, base, host.differ.compare(root.upper!, { ...times, lower }, call), call)
  })
}
