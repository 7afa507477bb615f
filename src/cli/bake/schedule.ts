/**
 * Runs every job once those that it waits for are done, all others at once. The first failure is thrown when nothing
 * runs any more; what waited for a failed job is not begun.
 */
export async function schedule<T>(
  jobs: ReadonlyMap<string, { readonly after: readonly string[]; readonly run: () => Promise<T> }>,
): Promise<ReadonlyMap<string, T>> {
  const started = new Map<string, Promise<T>>()
  const done = new Map<string, T>()
  // Jobs come in an order in which none waits for a later one.
  for (const [name, { after, run }] of jobs) {
    const work = Promise.all(after.map((other) => started.get(other)!)).then(run)
    started.set(name, work)
    work.then(
      (result) => done.set(name, result),
      () => undefined,
    )
  }
  const ends = await Promise.allSettled(started.values())
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed) throw failed.reason
  return done
}
