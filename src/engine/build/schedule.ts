/** A piece of work, and those that it waits for. */
export interface Job<T> {
  readonly after: readonly string[]
  /** `signal` is aborted when another one has failed. */
  readonly run: (signal: AbortSignal) => Promise<T>
}

/**
 * Runs every job once those that it waits for are done, all others at once. The first failure ends the others and is
 * thrown when nothing runs any more; what waited for it is not begun.
 */
export async function schedule<T>(jobs: ReadonlyMap<string, Job<T>>): Promise<ReadonlyMap<string, T>> {
  const stop = new AbortController()
  const started = new Map<string, Promise<T>>()
  let failure: { readonly error: unknown } | undefined
  const failed = (error: unknown): never => {
    failure ??= { error }
    stop.abort(failure.error)
    throw error
  }
  // Jobs come in an order in which none waits for a later one.
  for (const [name, { after, run }] of jobs) {
    const ready = Promise.all(after.map((other) => started.get(other)!))
    started.set(name, ready.then(() => run(stop.signal)).catch(failed))
  }
  await Promise.allSettled(started.values())
  if (failure) throw failure.error
  return new Map(await Promise.all([...started].map(async ([name, result]) => [name, await result] as const)))
}
