import { fail } from '#base'

/** Text in which `$NAME` and `${NAME…}` mean the Dockerfile's variables, as they do there. */
export interface Expanded {
  readonly expand: string
}

/** What takes a value: text as it is, or text with variables. */
export type Value = string | Expanded

/** Text whose `$NAME` and `${NAME}` are the build's variables: `env({ PATH: expanded('/app/bin:$PATH') })`. */
export function expanded(text: string): Expanded {
  return { expand: text }
}

/** A word of an instruction whose words may be quoted (ENV, ARG, LABEL). */
export function quotedWord(value: Value): string {
  const text = oneLine(value)
  if (/^[\w@%+,./:-]+$/.test(text)) return text
  return `"${typeof value === 'string' ? text.replace(/["\\$]/g, '\\$&') : text.replace(/"/g, '\\"')}"`
}

/** The rest of a line that is one value, variables in it or not (WORKDIR, USER, STOPSIGNAL). */
export function line(value: Value): string {
  const text = oneLine(value)
  if (text.trim() !== text || text === '')
    fail('invalid_argument', `${JSON.stringify(text)} cannot stand in an instruction`)
  return typeof value === 'string' ? text.replace(/["'\\$]/g, '\\$&') : text
}

/** Paths of COPY and ADD: plain where they can be, else in JSON, in which blanks mean nothing. */
export function pathWords(values: readonly Value[]): string {
  const texts = values.map((value) => (typeof value === 'string' ? value.replace(/[\\$]/g, '\\$&') : value.expand))
  const plain = texts.every((text) => /^[^\s"'[<\\][^\s"'\\]*$/.test(text))
  return plain ? texts.join(' ') : JSON.stringify(texts)
}

/** A flag's value. */
export function flag(name: string, value: Value): string {
  const text = oneLine(value)
  const safe = typeof value === 'string' ? text.replace(/["'\\$]/g, '\\$&') : text
  return /\s/.test(text) ? `--${name}="${safe}"` : `--${name}=${safe}`
}

/** Comma-separated members of one flag, such as a mount. */
export function csv(members: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const field = `${key}=${value}`
      if (/[\r\n]/.test(field)) fail('invalid_argument', `${JSON.stringify(field)} cannot stand in a flag`)
      return /[,"]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
    })
    .join(',')
}

function oneLine(value: Value): string {
  const text = typeof value === 'string' ? value : value.expand
  if (/[\r\n]/.test(text)) fail('invalid_argument', `${JSON.stringify(text)} has more than one line`)
  return text
}
