import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { fail, type Call } from '#base'
import { openCache } from './cache.ts'
import { parseDockerfile } from './dockerfile/parse.ts'
import { planBuild, type Plan } from './dockerfile/plan/plan.ts'
import type { Dockerfile } from './dockerfile/syntax.ts'
import { exportImage } from './export/image.ts'
import type { Definition, Stack } from './ops/definition.ts'
import { opOf } from './ops/ops.ts'
import type { StepEnvironment } from './ops/step.ts'
import { solve, type Solution } from './solver/solve.ts'
import { readDockerfile } from './source/context.ts'
import { gitHeadTime } from './source/githead.ts'
import { LocalTrees, MAIN_CONTEXT } from './source/localtrees.ts'
import type { BuildHost, BuildOptions, BuildResult } from './types.ts'

/**
 * Builds an image from a Dockerfile. The result is in the host's stores, under the host's lease and without a name:
 * naming it is the caller's. Enters a private mount namespace, so the process may use no asynchronous file system
 * calls afterwards. Errors that a line of the Dockerfile caused carry its place.
 */
export async function build(host: BuildHost, options: BuildOptions, call?: Call): Promise<BuildResult> {
  const context = resolve(options.context)
  const source = readDockerfile(context, options.dockerfile, options.dockerfileBytes)
  const dockerfile = parseDockerfile(source.bytes, source.name)
  const times = epochs(options, context)
  const plan = await planBuild(
    dockerfile,
    {
      ...options,
      ...(times.explicit === undefined ? {} : { epoch: times.explicit }),
      resolveImage: (ref, platform, inner) => host.resolveImage(ref, platform, inner),
    },
    call,
  )
  warn(dockerfile, plan, call)
  using trees = new LocalTrees(
    host.db,
    new Map([[MAIN_CONTEXT, { path: context, ...(source.path === undefined ? {} : { dockerfile: source.path }) }]]),
  )
  // A context that is missing or has a malformed ignore file is told of even where nothing reads it.
  trees.get(MAIN_CONTEXT)
  const solution = await solveStack(host, options, plan, trees, call)
  const platform = options.platform ?? plan.state.platform
  const layers = solution.result
  const { root, config } = await exported(call, () =>
    exportImage(
      host,
      { state: plan.state, layers, platform, created: times.created, labels: options.labels ?? {} },
      call,
    ),
  )
  return { root, imageId: config, layers, platform, steps: solution.steps, cached: solution.cached }
}

async function solveStack(
  host: BuildHost,
  options: BuildOptions,
  plan: Plan,
  trees: LocalTrees,
  call: Call | undefined,
): Promise<Solution<Stack>> {
  const { vertex } = plan.state
  if (!vertex) return { result: [], steps: 0, cached: 0 }
  const cache = openCache(host.db, host.layers, host.lease)
  const environment: StepEnvironment = { host, trees, images: plan.images }
  try {
    return await solve<Definition, Stack>(
      vertex,
      {
        op: (asked) => opOf(asked, environment),
        cache,
        parallelism: options.parallelism ?? Math.max(2, availableParallelism()),
        noCache: options.noCache ?? false,
      },
      call,
    )
  } finally {
    trees.save()
    cache.close()
  }
}

interface Epochs {
  /** What somebody asked for: part of the keys. */
  readonly explicit: number | undefined
  /** The time of config and history. */
  readonly created: number
}

function epochs(options: BuildOptions, context: string): Epochs {
  const text = options.buildArgs?.['SOURCE_DATE_EPOCH']
  const isContext = text === 'context'
  const explicit = text === undefined || text === '' || isContext ? options.epoch : Number(text)
  if (explicit !== undefined && !(Number.isSafeInteger(explicit) && explicit >= 0 && explicit < 253402300800))
    fail('invalid_argument', `SOURCE_DATE_EPOCH must be seconds since 1970, not ${JSON.stringify(text ?? explicit)}`)
  if (explicit !== undefined && !isContext) return { explicit, created: explicit }
  const head = gitHeadTime(context)
  return { explicit: isContext ? (head ?? 0) : undefined, created: head ?? 0 }
}

function warn(dockerfile: Dockerfile, plan: Plan, call: Call | undefined): void {
  for (const warning of dockerfile.warnings) call?.progress?.({ kind: 'warning', ...warning })
  if (plan.unusedArgs.length > 0)
    call?.progress?.({
      kind: 'warning',
      message: `build arguments that no ARG declares: ${plan.unusedArgs.join(', ')}`,
    })
}

const EXPORTING = 'export'

/** Reports the export as a step of its own. */
async function exported<T>(call: Call | undefined, work: () => Promise<T>): Promise<T> {
  const step = { kind: 'vertex', id: EXPORTING, name: 'exporting to image', started: Date.now() } as const
  call?.progress?.(step)
  const result = await work()
  call?.progress?.({ ...step, completed: Date.now() })
  return result
}
