import { trim, trimStart } from './space.ts'
import type { Directive, Escape } from './syntax.ts'

const NAMES = new Set(['syntax', 'escape', 'check'])
const DIRECTIVE = /^([a-zA-Z][a-zA-Z0-9]*)\s*=(.+)$/

/** The directives at the top of a file. The first line that is none – a comment, a blank, an unknown name – ends the block. */
export class DirectiveBlock {
  readonly found: Directive[] = []
  escape: Escape = '\\'
  #ended = false
  /** Behind a shebang BuildKit still finds the check and the syntax, and no escape. */
  #afterShebang = false
  readonly #fail: (message: string, line: number) => never

  constructor(fail: (message: string, line: number) => never) {
    this.#fail = fail
  }

  /** True when this line (of which `indent` characters were cut off) is a directive. */
  read(text: string, line: number, indent: number): boolean {
    if (this.#ended) return false
    if (line === 1 && text.startsWith('#!')) {
      this.#afterShebang = true
      return false
    }
    const match = text.startsWith('#') ? DIRECTIVE.exec(trimStart(text.slice(1))) : null
    const name = match?.[1]?.toLowerCase() as Directive['name'] | undefined
    const value = trim(match?.[2] ?? '')
    if (name === undefined || value === '' || !NAMES.has(name)) {
      this.#ended = true
      return false
    }
    if (this.found.some((directive) => directive.name === name))
      this.#fail(`only one ${name} directive can be used`, line)
    if (name === 'escape' && this.#afterShebang) {
      this.#ended = true
      return false
    }
    if (name === 'escape') this.#setEscape(value, line)
    const end = { line, character: indent + text.length }
    this.found.push({ name, value, range: { start: { line, character: indent }, end } })
    return true
  }

  #setEscape(value: string, line: number): void {
    if (value !== '\\' && value !== '`') this.#fail(`the escape character must be \\ or \`, not ${value}`, line)
    this.escape = value
  }
}
