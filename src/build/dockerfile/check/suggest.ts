import { distance } from '../nearest.ts'

/** ` (did you mean NAME?)`, or nothing when no name is at most two edits away. */
export function meant(word: string, names: Iterable<string>, prefix = ''): string {
  let best: string | undefined
  let bestDistance = 3
  for (const name of names) {
    if (name === word) return ''
    const edits = distance(word, name)
    if (edits >= bestDistance) continue
    best = name
    bestDistance = edits
  }
  return best === undefined ? '' : ` (did you mean ${prefix}${best}?)`
}
