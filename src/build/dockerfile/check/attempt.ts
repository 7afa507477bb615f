import { CairnError } from '#base'

/** What cannot be expanded or parsed is an error of the build, not a finding. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof CairnError) return undefined
    throw error
  }
}
