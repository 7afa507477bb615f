import { fail } from '#base'
import type { Healthcheck } from '#oci'
import { parseDuration } from './duration.ts'
import { readFlags } from './flags.ts'
import type { Statement } from './syntax.ts'
import { jsonArguments } from './words.ts'

const MILLISECOND = 1e6

/** `HEALTHCHECK [--flags] CMD …` or `NONE`. */
export function readHealthcheck(statement: Statement): Healthcheck {
  const kind = /^\S*/.exec(statement.args)![0]
  const rest = statement.args.slice(kind.length).trim()
  if (kind === '') fail('invalid_argument', 'HEALTHCHECK requires at least one argument')
  if (kind.toUpperCase() === 'NONE') {
    if (rest !== '') fail('invalid_argument', 'HEALTHCHECK NONE takes no arguments')
    return { Test: ['NONE'] }
  }
  if (kind.toUpperCase() !== 'CMD')
    fail('invalid_argument', `unknown type ${JSON.stringify(kind)} in HEALTHCHECK`, { hint: 'use CMD or NONE' })
  const flags = readFlags(statement, {
    interval: 'text',
    timeout: 'text',
    'start-period': 'text',
    'start-interval': 'text',
    retries: 'text',
  })
  const json = jsonArguments(rest)
  if (rest === '' || (json && json.length === 0)) fail('invalid_argument', 'missing command after HEALTHCHECK CMD')
  const interval = (name: string): number => readInterval(name, flags.get(name)?.[0] ?? '')
  return definedOnly({
    Test: json ? ['CMD', ...json] : ['CMD-SHELL', rest],
    Interval: interval('interval'),
    Timeout: interval('timeout'),
    StartPeriod: interval('start-period'),
    StartInterval: interval('start-interval'),
    Retries: readRetries(flags.get('retries')?.[0] ?? ''),
  })
}

function readInterval(name: string, text: string): number {
  if (text === '') return 0
  const value = parseDuration(text)
  if (value !== 0 && value < MILLISECOND) fail('invalid_argument', `interval "${name}" cannot be less than 1ms`)
  return value
}

function readRetries(text: string): number {
  if (text === '') return 0
  const value = Number(text)
  if (!/^[+-]?\d+$/.test(text) || Math.abs(value) > 0x7fffffff)
    fail('invalid_argument', `--retries must be a number, not ${JSON.stringify(text)}`)
  if (value < 0) fail('invalid_argument', `--retries cannot be negative (${value})`)
  return value
}

/** Zero means "as inherited or by default" and is left out of the config. */
function definedOnly(check: Healthcheck): Healthcheck {
  return Object.fromEntries(Object.entries(check).filter(([, value]) => value !== 0))
}
