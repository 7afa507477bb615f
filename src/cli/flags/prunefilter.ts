import type { Chosen } from '#engine'
import { matchesLabel, parseFilters } from './filters.ts'
import { parseTime } from './quantities.ts'

/** `prune --filter`: what was made before `until` (milliseconds since the epoch), with these labels and without those. */
export function pruneFilter(
  given: readonly string[],
  known: readonly string[] = ['until', 'label', 'label!'],
): { readonly chosen: Chosen; readonly until?: number } {
  const filters = parseFilters(given, known)
  const values = (name: string): readonly string[] => filters.get(name) ?? []
  const times = values('until').map((text) => parseTime(text, 'until'))
  const until = times.length > 0 ? Math.min(...times) : undefined
  return {
    ...(until === undefined ? {} : { until }),
    chosen: ({ created, labels }) =>
      (until === undefined || created < until) &&
      values('label').every((wanted) => matchesLabel(labels, wanted)) &&
      !values('label!').some((unwanted) => matchesLabel(labels, unwanted)),
  }
}
