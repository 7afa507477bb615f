import { fail } from '#base'
import { trim } from '../dockerfile/space.ts'
import { cleanPath } from './cleanpath.ts'
import { globMatcher, parseGlob } from './glob.ts'

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
}

/** What the rules said about a directory: its children need it. */
export type ParentMatch = readonly boolean[]

/**
 * Docker's ignore rules: the last rule that matches a path, or a directory above it, decides; `!` takes paths back in,
 * even below an ignored directory. `invalid_argument` for a malformed pattern.
 */
export class IgnoreRules {
  /** Whether any rule is a `!`: then ignored directories must be looked into. */
  readonly hasNegations: boolean
  readonly isEmpty: boolean
  private readonly rules: readonly Rule[]

  constructor(patterns: readonly string[]) {
    this.rules = patterns.map(compile)
    this.hasNegations = this.rules.some((rule) => rule.negated)
    this.isEmpty = this.rules.length === 0
  }

  /** `path` is relative, without a slash at either end; `parent` comes from its directory (nothing at the root). */
  match(path: string, parent: ParentMatch | undefined): { readonly ignored: boolean; readonly here: ParentMatch } {
    let ignored = false
    const here = this.rules.map((rule, i) => {
      if (!parent?.[i] && (rule.negated !== ignored || !rule.matches(path))) return false
      ignored = !rule.negated
      return true
    })
    return { ignored, here }
  }
}

function compile(source: string): Rule {
  const negated = source.startsWith('!')
  const pattern = negated ? source.slice(1) : source
  if (negated && pattern === '') fail('invalid_argument', 'illegal exclusion pattern: "!"')
  const tokens = parseGlob(pattern, true)
  const special = tokens.filter((token) => token.kind !== 'char').length
  const plain = !pattern.includes('\\')
  // As Docker has it: `**x` alone is "ends with x", slash or not, and `x**` alone is "begins with x".
  if (special === 1 && plain && tokens[0]!.kind === 'deep') {
    const suffix = pattern.slice(2)
    return { negated, matches: (path) => path.endsWith(suffix) || (suffix[0] === '/' && path === suffix.slice(1)) }
  }
  if (special === 1 && plain && tokens.at(-1)!.kind === 'deep') {
    const prefix = pattern.slice(0, -2)
    return { negated, matches: (path) => path.startsWith(prefix) }
  }
  if (special === 0) {
    const text = tokens.map((token) => (token.kind === 'char' ? token.char : '')).join('')
    return { negated, matches: (path) => path === text }
  }
  return { negated, matches: globMatcher(tokens) }
}
