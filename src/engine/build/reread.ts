import type { Call } from '#base'
import { readsTheSame, type Given, type SolvedBuild } from '#build'
import type { Parts } from '../parts.ts'

/** Whether the steps of a remembered build would read the same files. */
export function reread(parts: Parts, given: Given, reads: SolvedBuild['reads'], call?: Call): boolean {
  return readsTheSame(parts.db, given, reads, call)
}
