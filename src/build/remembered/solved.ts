import type { Progress, VertexProgress, WarningProgress } from '#base'
import type { Digest } from '#oci'
import type { BuildVertex, Stack } from '../ops/definition.ts'
import { Report } from '../solver/report.ts'
import { reachable } from '../solver/solve.ts'
import { readsContext } from './reads.ts'
import type { ContextRead, SolvedBuild } from './types.ts'

/** A build when it has been solved, as {@link SolvedBuild} remembers it. Undefined where something came from the network. */
export function solvedBuild(build: {
  readonly target: BuildVertex
  /** The target's definition key and result. */
  readonly record: Digest
  readonly layers: Stack
  /** What each definition's own digest turned out to be, by vertex. */
  readonly digests: ReadonlyMap<Digest, Digest>
  readonly warnings: readonly WarningProgress[]
}): SolvedBuild | undefined {
  const { target, digests, record, layers, warnings } = build
  const vertices = reachable([target])
  if (vertices.some(({ def }) => def.op === 'http' || def.op === 'git')) return undefined
  const steps: VertexProgress[] = []
  const report = new Report({ progress: (event) => void (event.kind === 'vertex' && steps.push(event)) })
  for (const vertex of vertices) report.announce(vertex)
  const reads: ContextRead[] = []
  for (const { def, digest } of vertices) {
    if (!readsContext(def)) continue
    const read = digests.get(digest)
    if (read === undefined) return undefined
    reads.push({ def, digest: read })
  }
  return { warnings, steps, record, layers, reads }
}

/** Tells what a build that finds everything in the cache tells. */
export function tellCached({ warnings, steps }: SolvedBuild, tell: (record: Progress) => void): void {
  for (const warning of warnings) tell(warning)
  for (const step of steps) tell(step)
  const now = Date.now()
  for (const step of steps) tell({ ...step, started: now, completed: now, cached: true })
}
