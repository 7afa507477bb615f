import { fail } from '#base'
import { locate, withLocation } from '../../location.ts'
import type { Dockerfile } from '../syntax.ts'

/** Which checks count, and whether what they find is an error: `skip=A,B;error=true;experimental=C`. */
export interface CheckOptions {
  readonly skip: 'all' | ReadonlySet<string>
  readonly experimental: 'all' | ReadonlySet<string>
  readonly error: boolean
}

const NONE: CheckOptions = { skip: new Set(), experimental: new Set(), error: false }

/** `invalid_argument` for an option or a truth that is none. Names of checks that there are not are nobody's. */
function parseCheckOptions(text: string): CheckOptions {
  let options = NONE
  for (const part of text.trim() === '' ? [] : text.split(';')) {
    const equals = part.indexOf('=')
    const key = (equals < 0 ? part : part.slice(0, equals)).trim()
    const value = part.slice(equals + 1).trim()
    if (equals >= 0 && (key === 'skip' || key === 'experimental')) options = { ...options, [key]: names(value) }
    else if (equals >= 0 && key === 'error') options = { ...options, error: readTruth(value, part) }
    else
      fail('invalid_argument', `invalid check option ${JSON.stringify(key)}`, {
        hint: 'the options are skip, experimental and error',
      })
  }
  return options
}

/** Those of the build argument BUILDKIT_DOCKERFILE_CHECK, else of the file's `# check=`. */
export function checkOptionsOf(dockerfile: Dockerfile, argument: string | undefined): CheckOptions {
  if (argument !== undefined) return parseCheckOptions(argument)
  const directive = dockerfile.directives.find(({ name }) => name === 'check')
  if (!directive) return NONE
  try {
    return parseCheckOptions(firstWord(directive.value))
  } catch (error) {
    const { line } = directive.range.start
    throw withLocation(error, locate(dockerfile.file, dockerfile.lines, { first: line, last: line }))
  }
}

const DIRECTIVE = /^check\s*=\s*(.+?)\s*$/i

/** The options with those of a `# check=` right above an instruction; what it says of errors does not count. */
export function withComments(options: CheckOptions, comments: readonly string[]): CheckOptions {
  const own = comments.map((comment) => DIRECTIVE.exec(comment)?.[1]).find((value) => value !== undefined)
  if (own === undefined) return options
  try {
    const { skip, experimental } = parseCheckOptions(firstWord(own))
    return {
      ...options,
      skip: union(options.skip, skip),
      experimental: union(options.experimental, experimental),
    }
  } catch {
    // A comment may say anything.
    return options
  }
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0]!
}

function names(value: string): CheckOptions['skip'] {
  return value === 'all' ? 'all' : new Set(value.split(',').map((name) => name.trim()))
}

function union(a: CheckOptions['skip'], b: CheckOptions['skip']): CheckOptions['skip'] {
  return a === 'all' || b === 'all' ? 'all' : a.union(b)
}

const TRUTHS: Readonly<Record<string, boolean>> = { 1: true, t: true, true: true, 0: false, f: false, false: false }

function readTruth(value: string, part: string): boolean {
  return (
    TRUTHS[value.toLowerCase()] ??
    fail('invalid_argument', `failed to parse check option ${JSON.stringify(part)}`, { hint: 'write true or false' })
  )
}
