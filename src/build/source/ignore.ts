import { fail } from '#base'
import { trim } from '../dockerfile/space.ts'
import { cleanPath } from './cleanpath.ts'
import { globMatcher, parseGlob, type GlobToken } from './glob.ts'

/** The patterns of a `.dockerignore`: comments and blanks gone, paths cleaned, leading slashes dropped. */
export function parseIgnoreFile(text: string): string[] {
  const patterns: string[] = []
  for (const line of text.replace(/^\uFEFF/, '').split('\n')) {
    if (line.startsWith('#')) continue
    let pattern = trim(line)
    if (pattern === '') continue
    const negated = pattern.startsWith('!')
    if (negated) pattern = trim(pattern.slice(1))
    if (pattern !== '') {
      pattern = cleanPath(pattern)
      if (pattern.length > 1 && pattern.startsWith('/')) pattern = pattern.slice(1)
    }
    patterns.push(negated ? `!${pattern}` : pattern)
  }
  return patterns
}

interface Rule {
  readonly negated: boolean
  readonly matches: (path: string) => boolean
  /** Everything that it matches begins with this. */
  readonly prefix: string
  /** It matches `prefix` and nothing else. */
  readonly isLiteral: boolean
}

/** Which rules match a directory or one above it, in their order: its children need it. */
export type ParentMatch = readonly number[]

/**
 * Docker's ignore rules: the last rule that matches a path, or a directory above it, decides; `!` takes paths back in,
 * even below an ignored directory. `invalid_argument` for a malformed pattern.
 */
export class IgnoreRules {
  /** Whether any rule is a `!`: then ignored directories must be looked into. */
  readonly hasNegations: boolean
  readonly isEmpty: boolean
  readonly #rules: readonly Rule[]

  constructor(patterns: readonly string[]) {
    this.#rules = patterns.map(compile)
    this.hasNegations = this.#rules.some((rule) => rule.negated)
    this.isEmpty = this.#rules.length === 0
  }

  /** Whether a `!` may match something in a directory: if not, an ignored one need not be looked into. */
  mayTakeBack(directory: string): boolean {
    const inside = `${directory}/`
    const mayMatch = ({ prefix, isLiteral }: Rule): boolean =>
      prefix.startsWith(inside) || (!isLiteral && inside.startsWith(prefix))
    return this.hasNegations && this.#rules.some((rule) => rule.negated && mayMatch(rule))
  }

  /**
   * `path` is relative, without a slash at either end; `parent` comes from its directory (nothing at the root). With
   * `isDirectory` rules that change nothing for it are asked too: they may for what is below it.
   */
  match(
    path: string,
    parent: ParentMatch | undefined,
    isDirectory = false,
  ): { readonly ignored: boolean; readonly here: ParentMatch } {
    let ignored = false
    const here: number[] = []
    let above = 0
    for (const [i, rule] of this.#rules.entries()) {
      const isNeeded = isDirectory || rule.negated === ignored
      if (parent?.[above] === i) above++
      else if (!isNeeded || !rule.matches(path)) continue
      ignored = !rule.negated
      here.push(i)
    }
    return { ignored, here }
  }

  /** {@link match} of what has no children: the last rule that matches is the first that is found. */
  ignores(path: string, parent: ParentMatch | undefined): boolean {
    const above = parent?.at(-1) ?? -1
    for (let i = this.#rules.length - 1; i > above; i--)
      if (this.#rules[i]!.matches(path)) return !this.#rules[i]!.negated
    return above >= 0 && !this.#rules[above]!.negated
  }
}

function compile(source: string): Rule {
  const negated = source.startsWith('!')
  const pattern = negated ? source.slice(1) : source
  if (negated && pattern === '') fail('invalid_argument', 'illegal exclusion pattern: "!"')
  const tokens = parseGlob(pattern, true)
  const wild = tokens.findIndex((token) => token.kind !== 'char')
  const literal = tokens.slice(0, wild < 0 ? tokens.length : wild)
  const prefix = literal.map((token) => (token.kind === 'char' ? token.char : '')).join('')
  return { negated, prefix, isLiteral: wild < 0, matches: matcher(pattern, tokens, prefix) }
}

function matcher(pattern: string, tokens: readonly GlobToken[], prefix: string): Rule['matches'] {
  const special = tokens.filter((token) => token.kind !== 'char').length
  if (special === 0) return (path) => path === prefix
  const isAlone = special === 1 && !pattern.includes('\\')
  // As Docker has it: `**x` alone is "ends with x", slash or not, and `x**` alone is "begins with x".
  if (isAlone && tokens[0]!.kind === 'deep') {
    const suffix = pattern.slice(2)
    return (path) => path.endsWith(suffix) || (suffix[0] === '/' && path === suffix.slice(1))
  }
  if (isAlone && tokens.at(-1)!.kind === 'deep') return (path) => path.startsWith(prefix)
  const matches = globMatcher(tokens)
  // Of thousands of rules few come as far as the expression.
  return prefix === '' ? matches : (path) => path.startsWith(prefix) && matches(path)
}
