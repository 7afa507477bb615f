import { digestData } from '../digest.ts'
import type { Op } from '../types.ts'
import type { MergeDefinition, Stack } from './definition.ts'
import { stackDep } from './step.ts'

/** `--link`: layers that were made on nothing are laid over whatever is below. Nothing is read or written. */
export function mergeOp(def: MergeDefinition): Op<Stack> {
  return {
    cacheMap: async () => ({ digest: digestData(def), deps: [stackDep, stackDep] }),
    exec: async ([below = [], linked = []]) => [...below, ...linked],
  }
}
