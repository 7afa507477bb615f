/** A step, and the steps that it waited for. */
interface Timed {
  readonly id: string
  readonly inputs?: readonly string[]
  readonly started?: number
  readonly completed?: number
  readonly took: number
}

/**
 * The steps that decided how long it took: from the one that ended last, back over the input that ended last each time.
 * Any other step could have been slower without anybody noticing.
 */
export function criticalPath(steps: readonly Timed[]): ReadonlySet<string> {
  const byId = new Map(steps.map((step) => [step.id, step]))
  const path = new Set<string>()
  let at = latest(steps)
  while (at && !path.has(at.id)) {
    path.add(at.id)
    const inputs: readonly string[] = at.inputs ?? []
    at = latest(inputs.flatMap((id) => byId.get(id) ?? []))
  }
  return path
}

function latest(steps: readonly Timed[]): Timed | undefined {
  return steps.reduce<Timed | undefined>(
    (best, step) => (best === undefined || (step.completed ?? 0) > (best.completed ?? 0) ? step : best),
    undefined,
  )
}
