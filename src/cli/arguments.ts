import { fail } from '#base'
import type { Command, OptionSpec } from './command.ts'

export interface ParsedArguments {
  readonly values: Readonly<Record<string, boolean | string | readonly string[]>>
  readonly words: readonly string[]
}

/**
 * Reads flags the way Docker's do: `--name value`, `--name=value`, `-n value`, `-nvalue`, grouped
 * booleans (`-it`), `--bool=false`, and an end of flags after `--` or after the command's own words.
 * node:util's parseArgs takes the same specs but knows neither `--bool=false` nor where to stop.
 */
export function parseArguments(argv: readonly string[], command: Command, name: string): ParsedArguments {
  const reader = new ArgumentReader(argv, command, name)
  reader.read()
  return reader
}

class ArgumentReader implements ParsedArguments {
  readonly values: Record<string, boolean | string | string[]> = {}
  readonly words: string[] = []
  readonly #argv: readonly string[]
  readonly #command: Command
  readonly #name: string
  readonly #shorts: ReadonlyMap<string, string>
  #at = 0

  constructor(argv: readonly string[], command: Command, name: string) {
    this.#argv = argv
    this.#command = command
    this.#name = name
    this.#shorts = shortNames(command)
  }

  read(): void {
    const { stopAfter = Infinity } = this.#command
    while (this.#at < this.#argv.length) {
      const word = this.#argv[this.#at++]!
      if (word === '--') return this.#takeRest()
      if (word.startsWith('--')) this.#long(word)
      else if (word.length > 1 && word.startsWith('-')) this.#group(word)
      else if (this.words.push(word) >= stopAfter) return this.#takeRest()
    }
  }

  #takeRest(): void {
    this.words.push(...this.#argv.slice(this.#at))
    this.#at = this.#argv.length
  }

  /** `--name`, `--name value`, `--name=value`. */
  #long(word: string): void {
    const equals = word.indexOf('=')
    const key = word.slice(2, equals < 0 ? undefined : equals)
    const inline = equals < 0 ? undefined : word.slice(equals + 1)
    const { options } = this.#command
    if (key === 'help' && !options['help']) {
      this.values['help'] = true
      return
    }
    const spec = Object.hasOwn(options, key) ? options[key] : undefined
    if (!spec) return unknownFlag(`--${key}`, this.#command, this.#name)
    if (spec.type !== 'boolean') this.#put(key, spec, inline ?? this.#take(`--${key}`))
    else this.#put(key, spec, inline === undefined ? true : booleanOf(inline, `--${key}`))
  }

  /** `-it`: booleans up to the first letter that takes a value, which is the rest or the next word. */
  #group(word: string): void {
    for (let i = 1; i < word.length; i++) {
      const flag = `-${word[i]}`
      const rest = word.slice(i + 1)
      const key = this.#shorts.get(word[i]!)
      if (key === undefined) {
        if (flag !== '-h') unknownFlag(flag, this.#command, this.#name, word)
        this.values['help'] = true
        continue
      }
      const spec = this.#command.options[key]!
      const value = rest.startsWith('=') ? rest.slice(1) : rest
      if (spec.type !== 'boolean') return this.#put(key, spec, rest === '' ? this.#take(flag) : value)
      if (rest.startsWith('=')) return this.#put(key, spec, booleanOf(value, flag))
      this.#put(key, spec, true)
    }
  }

  #put(key: string, spec: OptionSpec, value: boolean | string): void {
    if (!spec.multiple) this.values[key] = value
    else ((this.values[key] ??= []) as string[]).push(String(value))
  }

  #take(flag: string): string {
    const value = this.#argv[this.#at++]
    return value ?? fail('invalid_argument', `flag needs an argument: ${flag}`, seeHelp(this.#name))
  }
}

/** Refuses a number of words that the command does not take, in Docker's words. */
export function checkWords(words: readonly string[], command: Command, name: string): void {
  const { min = 0, max = Infinity } = command
  if (words.length >= min && words.length <= max) return
  const count = (n: number): string => `${n} argument${n === 1 ? '' : 's'}`
  const wanted =
    max === 0
      ? 'accepts no arguments'
      : min === max
        ? `requires ${count(min)}`
        : words.length < min
          ? `requires at least ${count(min)}`
          : `requires at most ${count(max)}`
  fail('invalid_argument', `'cairn ${name}' ${wanted}`, { hint: `usage: cairn ${name} ${command.usage}` })
}

function shortNames(command: Command): Map<string, string> {
  const names = new Map<string, string>()
  for (const [key, spec] of Object.entries(command.options)) if (spec.short) names.set(spec.short, key)
  return names
}

function booleanOf(value: string, flag: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true
  if (/^(0|f|false)$/i.test(value)) return false
  return fail('invalid_argument', `invalid value ${JSON.stringify(value)} for ${flag}: true or false is meant`)
}

function seeHelp(name: string): { hint: string } {
  return { hint: `see 'cairn ${name} --help'` }
}

function unknownFlag(flag: string, command: Command, name: string, word = flag): never {
  const key = flag.replace(/^-+/, '')
  const refused = command.refused && Object.hasOwn(command.refused, key) ? command.refused[key] : undefined
  if (refused !== undefined)
    fail('unimplemented', `${name}: ${flag} is not supported`, refused ? { hint: refused } : seeHelp(name))
  const where = word === flag ? '' : ` in ${word}`
  // The nearest flag is looked for by the error report: only a mistake pays for it.
  throw Object.assign(new UnknownWord(`unknown flag: ${flag}${where}`), {
    word: flag,
    candidates: Object.entries(command.options).flatMap(([k, o]) => (o.short ? [`--${k}`, `-${o.short}`] : [`--${k}`])),
    help: `cairn ${name} --help`,
  })
}

/** A flag or command that does not exist; the report adds what may have been meant. */
export class UnknownWord extends Error {
  word = ''
  candidates: readonly string[] = []
  help = ''
}
