/** One challenge of a WWW-Authenticate header: RFC 9110, 11.6.1. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

const HEADER_LIMIT = 16 * 1024
const CHALLENGES_LIMIT = 8
const PARAMETERS_LIMIT = 32

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const SPACE = /[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y
/** token68, as Negotiate and NTLM send it: skipped. */
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y

/**
 * The challenges of a header, several of which fetch joins by commas. Never throws: what cannot be
 * read ends the list, since a client with fewer ways to log in is safe and one that guesses is not.
 */
export function parseChallenges(header: string | null): readonly Challenge[] {
  if (header === null || header.length > HEADER_LIMIT) return []
  const text = header
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match) at = pattern.lastIndex
    return match ?? undefined
  }
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  let current: (typeof challenges)[number] | undefined
  while (challenges.length <= CHALLENGES_LIMIT) {
    take(SPACE)
    while (text[at] === ',') {
      at++
      take(SPACE)
    }
    const name = take(TOKEN)?.[0].toLowerCase()
    if (name === undefined) break
    const spaced = take(SPACE)?.[0] !== ''
    if (text[at] === '=' && current) {
      at++
      take(SPACE)
      const quoted = take(QUOTED)
      const value = quoted ? quoted[1]!.replace(/\\(.)/g, '$1') : take(TOKEN)?.[0]
      if (value === undefined || Object.keys(current.parameters).length >= PARAMETERS_LIMIT) break
      // The first of two wins: a second realm must not replace the one that was checked.
      if (!Object.hasOwn(current.parameters, name)) define(current.parameters, name, value)
      continue
    }
    current = { scheme: name, parameters: {} }
    challenges.push(current)
    if (spaced) take(TOKEN68)
  }
  return challenges.slice(0, CHALLENGES_LIMIT)
}

function define(object: Record<string, string>, name: string, value: string): void {
  Object.defineProperty(object, name, { value, enumerable: true })
}
