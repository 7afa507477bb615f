import { fail } from '#base'

/** Turns a file's permission bits into those that `--chmod` asks for. */
export type ModeChange = (mode: number, isDirectory: boolean) => number

/** Bits that each class may have: its own rwx, set-id and (not for others) the sticky bit. */
const CLASSES: Readonly<Record<string, number>> = { u: 0o5700, g: 0o3070, o: 0o0007, a: 0o7777 }

/** `--chmod`: octal (`755`) or symbolic (`u=rwx,go=r`, `a+X`, `g=u`). No umask ever applies. */
export function parseChmod(text: string): ModeChange {
  if (/^\d/.test(text)) {
    if (!/^[0-7]+$/.test(text) || Number.parseInt(text, 8) > 0o7777)
      fail('invalid_argument', `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`)
    const mode = Number.parseInt(text, 8)
    return () => mode
  }
  const clauses = text.split(',').map((clause) => parseClause(clause, text))
  return (mode, isDirectory) => clauses.reduce((now, clause) => clause(now, isDirectory), mode)
}

/** The octal number, when that is what was given: made parent directories get it as well. */
export function chmodNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined
}

function parseClause(clause: string, whole: string): ModeChange {
  const match = /^([ugoa]*)((?:[-+=][rwxXst]*|[-+=][ugo])+)$/.exec(clause)
  if (!match)
    fail('invalid_argument', `invalid chmod parameter: '${whole}'`, { hint: 'write it like 644 or u=rw,go=r' })
  const who = [...new Set(match[1] || 'a')].reduce((bits, letter) => bits | CLASSES[letter]!, 0)
  const actions = match[2]!.match(/[-+=][^-+=]*/g)!.map((action) => ({ operator: action[0]!, what: action.slice(1) }))
  return (mode, isDirectory) =>
    actions.reduce((now, { operator, what }) => {
      const bits = permissions(what, now, isDirectory) & who
      if (operator === '+') return now | bits
      if (operator === '-') return now & ~bits
      return (now & ~(who & 0o6777)) | bits
    }, mode)
}

function permissions(what: string, mode: number, isDirectory: boolean): number {
  if (what === 'u' || what === 'g' || what === 'o') {
    const three = (mode >> { u: 6, g: 3, o: 0 }[what]) & 7
    return three * 0o111
  }
  let bits = 0
  for (const letter of what) {
    if (letter === 'r') bits |= 0o444
    else if (letter === 'w') bits |= 0o222
    else if (letter === 'x' || (letter === 'X' && (isDirectory || mode & 0o111))) bits |= 0o111
    else if (letter === 's') bits |= 0o6000
    else if (letter === 't') bits |= 0o1000
  }
  return bits
}
