import { availableParallelism } from 'node:os'
import type { Call } from '#base'
import { SharedWork, type BuildResult } from '#build'
import { acquireLease } from '#content'
import type { Parts } from '../parts.ts'
import type { BakeTarget, Built } from '../types.ts'
import { buildAmong } from './build.ts'
import { schedule } from './schedule.ts'

/** How a build names another target's result: a reference that no registry can have. */
const LINK = 'target.invalid/'

/**
 * Builds several images at once. What reads another's result waits for it; steps that several have are done once; not
 * more runs at a time than in one build. `calls` has each target's own.
 */
export async function bake(
  parts: Parts,
  targets: ReadonlyMap<string, BakeTarget>,
  calls: (target: string) => Call,
): Promise<ReadonlyMap<string, Built>> {
  await using lease = acquireLease(parts.db, `bake ${[...targets.keys()].join(', ')}`)
  const shared = new SharedWork<BuildResult['images'][number]['layers']>(Math.max(2, availableParallelism()))
  const results = new Map<string, BuildResult>()
  const made = (ref: string): BuildResult | undefined =>
    ref.startsWith(LINK) ? results.get(ref.slice(LINK.length)) : undefined
  const one = async (name: string, { request, links }: BakeTarget, stop: AbortSignal): Promise<Built> => {
    const linked = Object.entries(links).map(([context, target]) => [context, `docker-image://${LINK}${target}`])
    const contexts = { ...request.contexts, ...Object.fromEntries(linked) }
    const { signal, ...rest } = calls(name)
    const call = { ...rest, signal: signal ? AbortSignal.any([signal, stop]) : stop }
    const { built, result } = await buildAmong(parts, { ...request, contexts }, { lease, shared, made }, call)
    results.set(name, result)
    return built
  }
  return await schedule(
    new Map(
      [...targets].map(([name, target]) => [
        name,
        { after: Object.values(target.links), run: (stop: AbortSignal) => one(name, target, stop) },
      ]),
    ),
  )
}
