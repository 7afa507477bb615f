import { Limit } from '#base'
import type { Digest } from '#oci'

/** What builds at one time in one process share: how much runs at once, and what is done already or under way. */
export class SharedWork<R> {
  readonly limit: Limit
  readonly #results = new Map<Digest, Promise<R>>()

  /** `parallelism`: ops of all builds together. */
  constructor(parallelism: number) {
    this.limit = new Limit(parallelism)
  }

  /** Does the work under a key once; `others` is told when somebody else has done it, or does. */
  once(key: Digest, work: () => Promise<R>, others: () => void): Promise<R> {
    const known = this.#results.get(key)
    if (known) {
      others()
      return known
    }
    const result = work()
    this.#results.set(key, result)
    return result
  }
}
