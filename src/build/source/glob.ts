import { fail } from '#base'

/** One step of a pattern; `class` and `char` never match a slash, `deep` is `**`. */
export type GlobToken =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' }
  | { readonly kind: 'deep' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] }

/** Go's `filepath.Match` grammar, plus `**` when `deep`. `invalid_argument` for `[`, `[]`, `[-x]`, `[x-]`, a lone `\`. */
export function parseGlob(pattern: string, deep: boolean): GlobToken[] {
  const chars = Array.from(pattern)
  const tokens: GlobToken[] = []
  for (let i = 0; i < chars.length;) {
    const char = chars[i++]!
    if (char === '?') tokens.push({ kind: 'any' })
    else if (char === '*') {
      const isDeep = deep && chars[i] === '*'
      if (isDeep) i++
      if (isDeep && chars[i] === '/') i++
      tokens.push({ kind: isDeep ? 'deep' : 'star' })
    } else if (char === '[') {
      const parsed = parseClass(chars, i, pattern)
      tokens.push(parsed.token)
      i = parsed.next
    } else if (char === '\\') {
      const next = chars[i++]
      if (next === undefined) malformed(pattern)
      tokens.push({ kind: 'char', char: next })
    } else tokens.push({ kind: 'char', char })
  }
  return tokens
}

function parseClass(
  chars: readonly string[],
  from: number,
  pattern: string,
): { readonly token: GlobToken; readonly next: number } {
  let at = from
  const negated = chars[at] === '^'
  if (negated) at++
  const ranges: (readonly [string, string])[] = []
  const member = (): string => {
    let char = chars[at++]
    if (char === undefined || char === '-' || char === ']') malformed(pattern)
    if (char === '\\') char = chars[at++]
    if (char === undefined || at >= chars.length) malformed(pattern)
    return char
  }
  while (chars[at] !== ']' || ranges.length === 0) {
    const low = member()
    let high = low
    if (chars[at] === '-') {
      at++
      high = member()
    }
    if (high < low) malformed(pattern)
    ranges.push([low, high])
  }
  return { token: { kind: 'class', negated, ranges }, next: at + 1 }
}

function malformed(pattern: string): never {
  fail('invalid_argument', `malformed pattern: ${pattern}`)
}

/** A matcher of whole paths. Few wildcards: a regular expression; many would backtrack, and are stepped through. */
export function globMatcher(tokens: readonly GlobToken[]): (path: string) => boolean {
  const wild = tokens.filter((token, i) => isWild(token) && tokens[i - 1]?.kind !== token.kind).length
  if (wild > 3) return globSteps(tokens)
  const regexp = globRegExp(tokens)
  return (path) => regexp.test(path)
}

function isWild(token: GlobToken): boolean {
  return token.kind === 'star' || token.kind === 'deep'
}

/** The pattern in the engine's own words: it runs once per file of the context. */
export function globRegExp(tokens: readonly GlobToken[]): RegExp {
  const parts = tokens.map((token, i) => {
    if (token.kind === 'char') return quote(token.char)
    if (token.kind === 'any') return '[^/]'
    if (token.kind === 'class') return classSource(token)
    // Repeated wildcards match what one matches, and would only cost time.
    if (tokens[i - 1]?.kind === token.kind) return ''
    if (token.kind === 'star') return '[^/]*'
    return i === tokens.length - 1 || tokens.slice(i).every((next) => next.kind === 'deep') ? '.*' : '(?:.*/)?'
  })
  return new RegExp(`^${parts.join('')}$`, 'su')
}

/** The same in time proportional to path times pattern: all states at once, character by character. */
export function globSteps(tokens: readonly GlobToken[]): (path: string) => boolean {
  const single = tokens.map((token) => (isWild(token) ? undefined : globRegExp([token])))
  // A trailing `**` takes anything; another one takes nothing, or everything up to a slash.
  let tail = tokens.length
  while (tail > 0 && tokens[tail - 1]!.kind === 'deep') tail--
  const close = (states: Set<number>): Set<number> => {
    for (const state of states) if (state < tokens.length && isWild(tokens[state]!)) states.add(state + 1)
    return states
  }
  return (path) => {
    let states = close(new Set([0]))
    // Inside a `**`, characters may pass; it is left only behind a slash.
    let inside = new Set<number>()
    for (const char of path) {
      const next = new Set<number>()
      const nextInside = new Set<number>()
      for (const state of states) {
        const token = tokens[state]
        if (token?.kind === 'star' && char !== '/') next.add(state)
        if (token?.kind === 'deep') nextInside.add(state)
        if (single[state]?.test(char)) next.add(state + 1)
      }
      for (const state of inside) nextInside.add(state)
      for (const state of nextInside) if (char === '/' || state >= tail) next.add(state + 1)
      states = close(next)
      inside = nextInside
    }
    return states.has(tokens.length)
  }
}

function classSource(token: Extract<GlobToken, { kind: 'class' }>): string {
  const ranges = token.ranges
    .map(([low, high]) => (low === high ? quote(low) : `${quote(low)}-${quote(high)}`))
    .join('')
  return token.negated ? `[^/${ranges}]` : `(?!/)[${ranges}]`
}

function quote(char: string): string {
  return `\\u{${char.codePointAt(0)!.toString(16)}}`
}

/** True when a COPY source has wildcards, so that matching nothing is no error. */
export function hasWildcards(path: string): boolean {
  return /(?:^|[^\\])(?:\\\\)*[*?[]/.test(path)
}
