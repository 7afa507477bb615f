import { fail } from '#base'
import { replacePattern, trimPattern } from './pattern.ts'
import { isSpace } from './space.ts'
import type { Escape } from './syntax.ts'

/** A variable's value; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined

/** What is expanded, and what is left as it is written. */
export interface ExpandOptions {
  readonly escape?: Escape
  /** Keep quotes in the result. */
  readonly rawQuotes?: boolean
  /** Keep escape characters in the result. */
  readonly rawEscapes?: boolean
  /** Quotes are characters like any other (heredoc bodies). */
  readonly literalQuotes?: boolean
  /** Leave variables that are not set as they are written. */
  readonly keepUnset?: boolean
}

/** What became of a word. */
export interface Expansion {
  readonly value: string
  /** The value split at white space that was not quoted; empty words vanish. */
  readonly words: readonly string[]
  /** Variables that were asked for and not set. */
  readonly unset: ReadonlySet<string>
}

/** Deeper nesting of `${…}` than any real file has; bounds the recursion. */
const MAX_DEPTH = 100

/** `ENV A=$A$A` forty times over would otherwise fill the memory. */
const MAX_LENGTH = 16 << 20

/**
 * Quote removal and variable expansion of a Dockerfile word: `$name`, `${name}`, `${name-word}`, `:-`, `+`, `:+`,
 * `?`, `:?`, `#`, `##`, `%`, `%%`, `/a/b` and `//a/b`. `invalid_argument` where the shell would complain.
 */
export function expand(source: string, lookup: Lookup, options: ExpandOptions = {}): Expansion {
  return new Expander(source, lookup, options).run()
}

/** {@link expand} for those who want the value alone. */
export function expandWord(source: string, lookup: Lookup, options?: ExpandOptions): string {
  // Most words hold nothing to expand; this is three quarters of the planning of a long file.
  if (!/[$\\`'"]/.test(source)) return source
  return expand(source, lookup, options).value
}

class Expander {
  readonly #chars: readonly string[]
  #at = 0
  #depth = 0
  #rawEscapes: boolean
  readonly #unset = new Set<string>()
  readonly #source: string
  readonly #lookup: Lookup
  readonly #options: ExpandOptions
  readonly #escape: Escape

  constructor(source: string, lookup: Lookup, options: ExpandOptions) {
    this.#source = source
    this.#chars = Array.from(source)
    this.#lookup = lookup
    this.#options = options
    this.#escape = options.escape ?? '\\'
    this.#rawEscapes = options.rawEscapes ?? false
  }

  run(): Expansion {
    const words = new Words()
    const value = this.#until(undefined, words)
    return { value, words: words.done(), unset: this.#unset }
  }

  /** Up to `stop` (consumed), or to the end when there is none to look for. */
  #until(stop: string | undefined, words?: Words): string {
    if (++this.#depth > MAX_DEPTH) this.#error('substitutions are nested too deeply')
    let out = ''
    while (this.#at < this.#chars.length) {
      const char = this.#chars[this.#at]!
      if (char === stop) {
        this.#at++
        this.#depth--
        return out
      }
      const piece = this.#piece(char)
      out += piece.text
      if (out.length > MAX_LENGTH) this.#error('the result is longer than 16 MiB')
      if (piece.splits) words?.addSplit(piece.text)
      else words?.addWhole(piece.text)
    }
    if (stop !== undefined) this.#error(stop === '}' ? "missing '}'" : `missing '${stop}' in \${}`)
    this.#depth--
    return out
  }

  /** The next quoted part, variable, escape or character; whether white space in it separates words. */
  #piece(char: string): { readonly text: string; readonly splits: boolean } {
    const quotes = !this.#options.literalQuotes
    if (quotes && char === "'") return { text: this.#singleQuoted(), splits: false }
    if (quotes && char === '"') return { text: this.#doubleQuoted(), splits: false }
    if (char === '$') return { text: this.#dollar(), splits: true }
    if (char === '<') return { text: this.#angle(), splits: false }
    this.#at++
    if (char !== this.#escape) return { text: char, splits: true }
    const next = this.#chars[this.#at]
    if (next !== undefined) this.#at++
    return { text: (this.#rawEscapes ? char : '') + (next ?? ''), splits: false }
  }

  /** `<<` and the blanks after it are one piece, so that `<< EOF` stays one word. */
  #angle(): string {
    this.#at++
    if (this.#chars[this.#at] !== '<') return '<'
    const start = this.#at - 1
    this.#at++
    while (/^[\t\r ]$/.test(this.#chars[this.#at] ?? '')) this.#at++
    return this.#chars.slice(start, this.#at).join('')
  }

  #singleQuoted(): string {
    const end = this.#chars.indexOf("'", this.#at + 1)
    if (end < 0) this.#error('unexpected end of statement while looking for matching single-quote')
    const inner = this.#chars.slice(this.#at + 1, end).join('')
    this.#at = end + 1
    return this.#options.rawQuotes ? `'${inner}'` : inner
  }

  #doubleQuoted(): string {
    const quote = this.#options.rawQuotes ? '"' : ''
    let out = quote
    this.#at++
    for (;;) {
      const char = this.#chars[this.#at]
      if (char === undefined) this.#error('unexpected end of statement while looking for matching double-quote')
      if (char === '$') {
        out += this.#dollar()
        continue
      }
      this.#at++
      if (char === '"') return out + quote
      if (char !== this.#escape) {
        out += char
        continue
      }
      if (this.#rawEscapes) out += char
      const next = this.#chars[this.#at]
      if (next === '"' || next === '$' || next === this.#escape) {
        out += next
        this.#at++
      } else if (next !== undefined && !this.#rawEscapes) out += char
    }
  }

  #dollar(): string {
    this.#at++
    if (this.#chars[this.#at] !== '{') {
      const name = this.#name()
      if (name === '') return '$'
      return this.#get(name) ?? (this.#options.keepUnset ? `$${name}` : '')
    }
    this.#at++
    const next = this.#chars[this.#at]
    if (next === undefined) this.#error("missing '}'")
    if (next === '{' || next === '}' || next === ':') this.#error('bad substitution')
    return this.#braced(this.#name())
  }

  #braced(name: string): string {
    let operator = this.#chars[this.#at++]
    if (operator === undefined) this.#error("missing '}'")
    if (operator === '}') return this.#get(name) ?? (this.#options.keepUnset ? `\${${name}}` : '')
    if (operator === '/') return this.#replace(name)
    const colon = operator === ':'
    if (colon) operator = this.#chars[this.#at++] ?? ''
    const spelled = (colon ? ':' : '') + operator
    const isTrim = operator === '#' || operator === '%'
    if (!'+-?#%'.includes(operator) || operator === '' || (colon && isTrim))
      this.#error(`unsupported modifier (${spelled}) in substitution`)
    const word = this.#rawUntil('}', isTrim)
    const value = this.#get(name)
    if (value === undefined && this.#options.keepUnset) return `\${${name}${spelled}${word}}`
    return isTrim ? this.#trimmed(operator, word, value ?? '') : this.#chosen(name, operator, colon, word, value)
  }

  /** The forms that choose between the value and the word. */
  #chosen(name: string, operator: string, colon: boolean, word: string, value: string | undefined): string {
    const missing = value === undefined || (colon && value === '')
    if (operator === '-') return missing ? word : value
    if (operator === '+') return missing ? '' : word
    if (missing) this.#error(`${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`)
    return value
  }

  #trimmed(operator: string, word: string, value: string): string {
    const longest = word.startsWith(operator)
    return trimPattern(value, longest ? word.slice(1) : word, operator === '#' ? 'start' : 'end', longest)
  }

  #replace(name: string): string {
    const all = this.#chars[this.#at] === '/'
    if (all) this.#at++
    const pattern = this.#rawUntil('/', true)
    const replacement = this.#rawUntil('}', true)
    const value = this.#get(name)
    if (value === undefined && this.#options.keepUnset) return `\${${name}/${all ? '/' : ''}${pattern}/${replacement}}`
    return replacePattern(value ?? '', pattern, replacement, all)
  }

  #rawUntil(stop: string, raw: boolean): string {
    const before = this.#rawEscapes
    this.#rawEscapes = raw
    const text = this.#until(stop)
    this.#rawEscapes = before
    return text
  }

  /** A name, a run of digits, or one special parameter; empty when none follows. */
  #name(): string {
    const first = this.#chars[this.#at]
    if (first === undefined) return ''
    if (!/\p{Nd}/u.test(first) && '@*#?-$!'.includes(first)) {
      this.#at++
      return first
    }
    const allowed = /\p{Nd}/u.test(first) ? /\p{Nd}/u : /[\p{L}\p{Nd}_]/u
    const start = this.#at
    while (this.#at < this.#chars.length && allowed.test(this.#chars[this.#at]!)) this.#at++
    return this.#chars.slice(start, this.#at).join('')
  }

  #get(name: string): string | undefined {
    const value = this.#lookup(name)
    if (value === undefined) this.#unset.add(name)
    return value
  }

  #error(what: string): never {
    const shown = this.#source.length > 200 ? `${this.#source.slice(0, 200)}…` : this.#source
    fail('invalid_argument', `cannot expand ${JSON.stringify(shown)}: ${what}`)
  }
}

/** Collects words; parts that were quoted or escaped never split. */
class Words {
  readonly #words: string[] = []
  #word = ''

  addSplit(text: string): void {
    for (const char of text) {
      if (!isSpace(char)) this.#word += char
      else this.#flush()
    }
  }

  addWhole(text: string): void {
    this.#word += text
  }

  done(): readonly string[] {
    this.#flush()
    return this.#words
  }

  #flush(): void {
    if (this.#word !== '') this.#words.push(this.#word)
    this.#word = ''
  }
}
