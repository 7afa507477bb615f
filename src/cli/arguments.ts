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
  const values: Record<string, boolean | string | string[]> = {}
  const words: string[] = []
  const shorts = shortNames(command)
  const stop = command.stopAfter ?? Infinity
  let at = 0

  const put = (key: string, spec: OptionSpec, value: boolean | string): void => {
    if (!spec.multiple) values[key] = value
    else ((values[key] ??= []) as string[]).push(String(value))
  }
  const take = (flag: string): string =>
    at < argv.length ? argv[at++]! : fail('invalid_argument', `flag needs an argument: ${flag}`, seeHelp(name))

  while (at < argv.length) {
    const word = argv[at++]!
    if (word === '--') {
      words.push(...argv.slice(at))
      break
    }
    if (word.length < 2 || word[0] !== '-') {
      words.push(word)
      if (words.length >= stop) {
        words.push(...argv.slice(at))
        break
      }
    } else if (word.startsWith('--')) {
      const equals = word.indexOf('=')
      const key = word.slice(2, equals < 0 ? undefined : equals)
      const inline = equals < 0 ? undefined : word.slice(equals + 1)
      if (key === 'help' && !command.options['help']) values['help'] = true
      else {
        const spec = Object.hasOwn(command.options, key) ? command.options[key] : undefined
        if (!spec) unknownFlag(`--${key}`, command, name)
        if (spec.type === 'boolean') put(key, spec, inline === undefined ? true : booleanOf(inline, `--${key}`))
        else put(key, spec, inline ?? take(`--${key}`))
      }
    } else {
      for (let i = 1; i < word.length; i++) {
        const letter = word[i]!
        const key = shorts.get(letter)
        if (key === undefined) {
          if (letter === 'h') {
            values['help'] = true
            continue
          }
          unknownFlag(`-${letter}`, command, name, word)
        }
        const spec = command.options[key]!
        if (spec.type === 'boolean') {
          if (word[i + 1] === '=') {
            put(key, spec, booleanOf(word.slice(i + 2), `-${letter}`))
            break
          }
          put(key, spec, true)
        } else {
          const rest = word.slice(i + 1)
          put(key, spec, rest === '' ? take(`-${letter}`) : rest[0] === '=' ? rest.slice(1) : rest)
          break
        }
      }
    }
  }
  return { values, words }
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
