import type { ByteStream, Call } from '#base'
import { mountOnce, withStepDirectory } from '../ops/step.ts'
import type { Stack } from '../ops/definition.ts'
import type { BuildHost } from '../types.ts'

/** The root file system that a build made, as one tar, for as long as `work` takes. */
export async function withRootTar<T>(
  host: BuildHost,
  stack: Stack,
  work: (tar: ByteStream) => Promise<T>,
  call?: Call,
): Promise<T> {
  return await withStepDirectory(host, async (dir) => {
    const view = await host.snapshots.view(dir, stack, call)
    mountOnce(view.mounts)
    return await work(host.differ.compare(view.path, {}, call))
  })
}
