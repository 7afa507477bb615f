/** White space as Unicode's White_Space property has it: NEL belongs to it, the byte order mark does not. */
const SPACE = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const START = new RegExp(`^[${SPACE}]+`)
const END = new RegExp(`(?<![${SPACE}])[${SPACE}]+$`)
const ONE = new RegExp(`^[${SPACE}]$`)

export function isSpace(char: string): boolean {
  return ONE.test(char)
}

export function trimStart(text: string): string {
  return text.replace(START, '')
}

export function trim(text: string): string {
  return trimStart(text).replace(END, '')
}

/** What separates words on a line: these five and no others. */
export const BLANKS: RegExp = /[\t\v\f\r ]+/
