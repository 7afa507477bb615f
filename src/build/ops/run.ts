import { fail, type Call } from '#base'
import type { Digest } from '#oci'
import { digestData } from '../digest.ts'
import type { CacheDep, Op } from '../types.ts'
import type { RunDefinition, Stack } from './definition.ts'
import { bindDep } from './mounts/bind.ts'
import { contextDigest } from './mounts/contextcopy.ts'
import { stackDep, type ContextTrees, type StepEnvironment } from './step.ts'

/**
 * RUN: a process in a sandbox on a writable root; the layer is what it changed. What runs it is not loaded for a step
 * that the cache answers.
 */
export function runOp(def: RunDefinition, environment: StepEnvironment): Op<Stack> {
  let digest: Digest | undefined
  const unchanged = (call?: Call): void => {
    const readsContext = def.mounts?.some((mount) => 'tree' in mount && mount.tree !== undefined)
    if (readsContext && runDigest(def, environment, call) !== digest)
      fail('failed_precondition', 'the build context changed while it was built', { hint: 'build again' })
  }
  return {
    cacheMap: async (call) => ({
      digest: (digest = runDigest(def, environment, call)),
      deps: depsOf(def, environment),
    }),
    exec: async (inputs, call) => (await import('./runstep.ts')).execRun(def, environment, { inputs, unchanged }, call),
  }
}

/** What the step's own part of its key is, as the context is now. */
export function runDigest(def: RunDefinition, environment: ContextTrees, call?: Call): Digest {
  return digestData(keyed(def, environment, call))
}

/** What of a step is in its key: docs/model/build.md. */
function keyed(def: RunDefinition, environment: ContextTrees, call?: Call): object {
  const { proxy: _proxy, ...keyed } = def
  if (!def.mounts) return keyed
  return {
    ...keyed,
    mounts: def.mounts.map((mount) => {
      const { sharing: _s, required: _r, tree, ...rest } = { sharing: '', required: false, tree: undefined, ...mount }
      if (tree === undefined || !('source' in rest)) return rest
      // A cache begins with all of it: its source is a path in the cache.
      const source = mount.type === 'cache' ? '/' : rest.source
      return { ...rest, content: contextDigest({ tree, source }, environment, call) }
    }),
  }
}

function depsOf(def: RunDefinition, environment: StepEnvironment): CacheDep<Stack>[] {
  const reading = (def.mounts ?? []).filter((mount) => mount.type === 'bind' || mount.type === 'cache')
  const deps = reading.filter(({ input }) => input).map((mount) => bindDep(mount, environment))
  return def.below ? [stackDep, ...deps] : deps
}
