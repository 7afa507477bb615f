import { fail } from '#base'

/** A shell pattern without brackets, cut at its stars; `null` stands for `?`. */
type Segment = readonly (string | null)[]

/** `${name#pattern}` and its kin: the value without the part at its start (or end) that matches. */
export function trimPattern(value: string, pattern: string, side: 'start' | 'end', longest: boolean): string {
  const chars = Array.from(value)
  const segments = parsePattern(pattern)
  if (side === 'start') {
    const end = matchAt(chars, 0, segments, longest)
    return end < 0 ? value : chars.slice(end).join('')
  }
  const end = matchAt(chars.toReversed(), 0, segments.map((segment) => segment.toReversed()).toReversed(), longest)
  return end < 0 ? value : chars.slice(0, chars.length - end).join('')
}

/** `${name/pattern/replacement}`: the leftmost longest match, or every one. An empty pattern matches between characters. */
export function replacePattern(value: string, pattern: string, replacement: string, all: boolean): string {
  const chars = Array.from(value)
  const segments = parsePattern(pattern)
  let out = ''
  let at = 0
  let lastEnd = -1
  while (at <= chars.length) {
    const end = matchAt(chars, at, segments, true)
    // A star that found no rest from here finds none further on either.
    if (end < 0 && segments.length > 1 && startsWith(chars, at, segments[0]!)) break
    if (end < 0 || (end === at && at === lastEnd)) {
      out += chars[at] ?? ''
      at++
      continue
    }
    out += replacement
    lastEnd = end
    if (end === at) out += chars[at++] ?? ''
    else at = end
    if (!all) break
  }
  return out + chars.slice(at).join('')
}

/** Where a match that begins at `from` ends, or -1. Linear: middle segments are taken leftmost, the last one as asked. */
function matchAt(chars: readonly string[], from: number, segments: readonly Segment[], longest: boolean): number {
  const first = segments[0]!
  if (!startsWith(chars, from, first)) return -1
  let at = from + first.length
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]!
    const rightmost = longest && i === segments.length - 1
    const found = find(chars, at, segment, rightmost)
    if (found < 0) return -1
    at = found + segment.length
  }
  return at
}

function find(chars: readonly string[], from: number, segment: Segment, rightmost: boolean): number {
  const last = chars.length - segment.length
  if (rightmost) {
    for (let at = last; at >= from; at--) if (startsWith(chars, at, segment)) return at
  } else {
    for (let at = from; at <= last; at++) if (startsWith(chars, at, segment)) return at
  }
  return -1
}

function startsWith(chars: readonly string[], at: number, segment: Segment): boolean {
  if (at + segment.length > chars.length) return false
  return segment.every((expected, i) => (expected === null ? chars[at + i] !== '\n' : chars[at + i] === expected))
}

function parsePattern(pattern: string): Segment[] {
  const chars = Array.from(pattern)
  const segments: (string | null)[][] = [[]]
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!
    const segment = segments.at(-1)!
    if (char === '*') segments.push([])
    else if (char === '?') segment.push(null)
    else if (char !== '\\') segment.push(char)
    else {
      const next = chars[++i]
      if (next === undefined || !'*?\\}/'.includes(next))
        fail('invalid_argument', `invalid pattern (${pattern}) in substitution: invalid escape '\\${next ?? ''}'`)
      segment.push(next)
    }
  }
  return segments
}
