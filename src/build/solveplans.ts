import { availableParallelism } from 'node:os'
import type { Call } from '#base'
import { openCache } from './cache.ts'
import type { Plan } from './dockerfile/plan/plan.ts'
import type { Definition, Stack } from './ops/definition.ts'
import { opOf } from './ops/ops.ts'
import type { StepEnvironment } from './ops/step.ts'
import { Secrets } from './secrets.ts'
import { solveAll } from './solver/solve.ts'
import type { LocalTrees } from './source/localtrees.ts'
import type { BuildHost, BuildOptions } from './types.ts'

export interface Solved {
  /** One per plan. */
  readonly stacks: readonly Stack[]
  readonly steps: number
  readonly cached: number
}

/** Solves the plans of all platforms as one graph: what they share is done once. */
export async function solvePlans(
  host: BuildHost,
  options: BuildOptions,
  { plans, trees }: { readonly plans: readonly Plan[]; readonly trees: LocalTrees },
  call?: Call,
): Promise<Solved> {
  const targets = plans.flatMap(({ state }) => state.vertex ?? [])
  const cache = openCache(host.db, host.layers, host.lease)
  const images = new Map(plans.flatMap((plan) => [...plan.images]))
  const environment: StepEnvironment = {
    host,
    trees,
    images,
    secrets: new Secrets(options.secrets),
    ssh: options.ssh ?? {},
    limits: options,
  }
  try {
    const { results, ...counts } = await solveAll<Definition, Stack>(
      targets,
      {
        op: (asked) => opOf(asked, environment),
        cache,
        parallelism: options.parallelism ?? Math.max(2, availableParallelism()),
        noCache: options.noCache ?? false,
      },
      call,
    )
    const found = new Map(targets.map((target, i) => [target, results[i]!]))
    return { stacks: plans.map(({ state }) => (state.vertex ? found.get(state.vertex)! : [])), ...counts }
  } finally {
    trees.save()
    cache.close()
  }
}
