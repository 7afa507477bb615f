import { fail } from '#base'
import { located } from '../location.ts'
import { readFlags } from './flags.ts'
import { readHealthcheck } from './healthcheck.ts'
import { heredocText, parseMark } from './heredoc.ts'
import type {
  CommandLine,
  CopyInstruction,
  CopySource,
  Instruction,
  Pair,
  TextInstruction,
  WorkdirInstruction,
} from './instruction.ts'
import { nearest } from './nearest.ts'
import { parseRunDevice } from './rundevice.ts'
import { mountFrom } from './runmount.ts'
import { BLANKS, trim } from './space.ts'
import type { Escape, Statement } from './syntax.ts'
import { jsonArguments, plainWords, quotedWords } from './words.ts'

type Reader = (statement: Statement, escape: Escape) => Instruction

/** Gives a statement its meaning: which instruction it is, and what its parts are. Errors point at its lines. */
export function readInstruction(statement: Statement, escape: Escape): Instruction {
  const reader = Object.hasOwn(READERS, statement.name) ? READERS[statement.name] : undefined
  return located(statement, () => {
    if (reader) return reader(statement, escape)
    const close = nearest(statement.name, Object.keys(READERS))
    const details = close === undefined ? {} : { hint: `did you mean ${close}?` }
    return fail('invalid_argument', `unknown instruction: ${statement.keyword}`, details)
  })
}

const READERS: Readonly<Record<string, Reader>> = {
  FROM: readFrom,
  ARG: readArg,
  ENV: readPairs,
  LABEL: readPairs,
  RUN: readRun,
  CMD: readCommand,
  ENTRYPOINT: readCommand,
  COPY: readCopy,
  ADD: readCopy,
  EXPOSE: (statement) => {
    noFlags(statement)
    return { name: 'EXPOSE', statement, ports: atLeastOne(statement, plainWords(statement.args)).toSorted() }
  },
  VOLUME: (statement) => {
    noFlags(statement)
    const paths = listOf(statement).map(trim)
    if (paths.length === 0) fail('invalid_argument', 'VOLUME requires at least one argument')
    if (paths.includes('')) fail('invalid_argument', 'VOLUME cannot be an empty string')
    return { name: 'VOLUME', statement, paths }
  },
  WORKDIR: readText,
  USER: readText,
  STOPSIGNAL: readText,
  MAINTAINER: readText,
  SHELL: (statement) => {
    noFlags(statement)
    const shell = jsonArguments(statement.args)
    if (shell === undefined)
      fail('invalid_argument', 'SHELL requires its arguments as a JSON array', {
        hint: 'write it like SHELL ["/bin/bash", "-c"]',
      })
    if (shell.length === 0) fail('invalid_argument', 'SHELL requires at least one argument')
    return { name: 'SHELL', statement, shell }
  },
  HEALTHCHECK: (statement) => ({ name: 'HEALTHCHECK', statement, check: readHealthcheck(statement) }),
  ONBUILD: readOnbuild,
}

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/

function readFrom(statement: Statement): Instruction {
  const words = plainWords(statement.args).map((word) => word.text)
  const flags = readFlags(statement, { platform: 'text' })
  const platform = flags.get('platform')?.[0]
  const [image, as, name] = words
  if (image === undefined || (words.length !== 1 && (words.length !== 3 || as?.toLowerCase() !== 'as')))
    fail('invalid_argument', 'FROM requires either one or three arguments', { hint: 'write FROM image [AS name]' })
  const stage = name?.toLowerCase()
  if (stage !== undefined && !STAGE_NAME.test(stage))
    fail('invalid_argument', `invalid name for build stage: ${JSON.stringify(name)}`, {
      hint: 'begin with a letter; letters, digits, "-", "_" and "." may follow',
    })
  return {
    name: 'FROM',
    statement,
    image,
    ...(stage === undefined ? {} : { stage }),
    ...(platform === undefined ? {} : { platform }),
  }
}

function readArg(statement: Statement, escape: Escape): Instruction {
  noFlags(statement)
  const args = quotedWords(statement.args, escape).map(({ text }) => {
    const equals = text.indexOf('=')
    if (equals === 0) fail('invalid_argument', 'ARG names can not be blank')
    return equals < 0 ? { key: text } : { key: text.slice(0, equals), value: text.slice(equals + 1) }
  })
  if (args.length === 0) fail('invalid_argument', 'ARG requires at least one argument')
  return { name: 'ARG', statement, args }
}

function readPairs(statement: Statement, escape: Escape): Instruction {
  noFlags(statement)
  const name = statement.name as 'ENV' | 'LABEL'
  const words = quotedWords(statement.args, escape)
  const first = words[0]
  if (!first) fail('invalid_argument', `${name} requires at least one argument`)
  if (!first.text.includes('=')) {
    const match = BLANKS.exec(statement.args)
    if (!match) fail('invalid_argument', `${name} must have two arguments`, { hint: `write ${name} name=value` })
    const key = statement.args.slice(0, match.index)
    return {
      name,
      statement,
      pairs: [{ key, value: statement.args.slice(match.index + match[0].length), legacy: true }],
    }
  }
  return { name, statement, pairs: words.map(({ text }) => readPair(name, text)) }
}

function readPair(name: string, text: string): Pair {
  const equals = text.indexOf('=')
  if (equals < 0)
    fail('invalid_argument', `can't find = in ${JSON.stringify(text)}`, {
      hint: 'write name=value, quoted if it has blanks',
    })
  if (equals === 0) fail('invalid_argument', `${name} names can not be blank`)
  return { key: text.slice(0, equals), value: text.slice(equals + 1), legacy: false }
}

function readRun(statement: Statement): Instruction {
  const flags = readFlags(statement, { network: 'text', mount: 'texts', security: 'text', device: 'texts' })
  const security = flags.get('security')?.[0] ?? 'sandbox'
  if (security !== 'sandbox' && security !== 'insecure')
    fail('invalid_argument', `security ${JSON.stringify(security)} is not valid`, { hint: 'use sandbox or insecure' })
  const mounts = flags.get('mount') ?? []
  for (const mount of mounts) mountFrom(mount)
  const network = flags.get('network')?.[0]
  if (network !== undefined && !['default', 'none', 'host'].includes(network))
    fail('invalid_argument', `unsupported network mode ${JSON.stringify(network)}`, {
      hint: 'use default, none or host',
    })
  const command = commandLine(statement)
  if (command.form === 'exec' && command.args.length === 0) fail('invalid_argument', 'RUN [] names no command')
  const insecure = security === 'insecure'
  const devices = (flags.get('device') ?? []).map(parseRunDevice)
  return { name: 'RUN', statement, command, mounts, devices, insecure, ...(network === undefined ? {} : { network }) }
}

function readCommand(statement: Statement): Instruction {
  noFlags(statement)
  return { name: statement.name as 'CMD' | 'ENTRYPOINT', statement, command: commandLine(statement) }
}

/** Almost-JSON is shell text, as the shell form always was. */
function commandLine(statement: Statement): CommandLine {
  const args = jsonArguments(statement.args)
  return args ? { form: 'exec', args } : { form: 'shell', text: statement.args }
}

function readCopy(statement: Statement): Instruction {
  const name = statement.name as 'COPY' | 'ADD'
  const flags = readFlags(statement, {
    chown: 'text',
    chmod: 'text',
    link: 'boolean',
    exclude: 'texts',
    ...(name === 'COPY'
      ? { from: 'text', parents: 'boolean' }
      : { checksum: 'text', 'keep-git-dir': 'boolean', unpack: 'boolean' }),
  } as const)
  const isJson = jsonArguments(statement.args) !== undefined
  const words = listOf(statement)
  if (words.length < 2)
    fail('invalid_argument', `${name} requires at least two arguments`, { hint: 'name a source and a destination' })
  const destination = words.at(-1)!
  if (!isJson && parseMark(destination)) fail('invalid_argument', `${name} cannot accept a heredoc as a destination`)
  const sources = words
    .slice(0, -1)
    .map((word) => (isJson ? { kind: 'path' as const, path: word } : source(statement, word)))
  const isTrue = (flag: string): boolean => flags.get(flag)?.[0] === 'true'
  return {
    name,
    statement,
    sources,
    destination,
    link: isTrue('link'),
    parents: isTrue('parents'),
    exclude: flags.get('exclude') ?? [],
    ...(flags.has('unpack') ? { unpack: isTrue('unpack') } : {}),
    ...(flags.has('keep-git-dir') ? { keepGitDir: isTrue('keep-git-dir') } : {}),
    ...givenTexts(flags),
  }
}

function givenTexts(
  flags: ReadonlyMap<string, readonly string[]>,
): Pick<CopyInstruction, 'from' | 'chown' | 'chmod' | 'checksum'> {
  const names = ['from', 'chown', 'chmod', 'checksum'] as const
  return Object.fromEntries(names.flatMap((name) => (flags.get(name)?.[0] ? [[name, flags.get(name)![0]]] : [])))
}

function source(statement: Statement, word: string): CopySource {
  const mark = parseMark(word)
  if (!mark) return { kind: 'path', path: word }
  const heredoc = statement.heredocs.findLast((candidate) => candidate.name === mark.name)
  return {
    kind: 'inline',
    name: mark.name,
    content: heredoc ? heredocText(heredoc) : '',
    expand: mark.expand,
  }
}

function readText(statement: Statement): Instruction {
  const name = statement.name as (WorkdirInstruction | TextInstruction)['name']
  if (statement.args === '') fail('invalid_argument', `${name} requires exactly one argument`)
  noFlags(statement)
  return { name, statement, text: statement.args } as Instruction
}

function readOnbuild(statement: Statement, escape: Escape): Instruction {
  noFlags(statement)
  const trigger = statement.trigger
  if (!trigger) fail('invalid_argument', 'ONBUILD requires at least one argument')
  if (trigger.name === 'ONBUILD') fail('invalid_argument', "chaining ONBUILD via ONBUILD ONBUILD isn't allowed")
  if (trigger.name === 'FROM' || trigger.name === 'MAINTAINER')
    fail('invalid_argument', `${trigger.name} isn't allowed as an ONBUILD trigger`)
  readInstruction(trigger, escape)
  const bodies = trigger.heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`)
  return { name: 'ONBUILD', statement, expression: trigger.text + bodies.join('') }
}

function noFlags(statement: Statement): void {
  readFlags(statement)
}

/** A JSON array, or words at blanks. */
function listOf(statement: Statement): readonly string[] {
  return jsonArguments(statement.args) ?? plainWords(statement.args).map((word) => word.text)
}

function atLeastOne(statement: Statement, words: readonly { readonly text: string }[]): string[] {
  if (words.length === 0) fail('invalid_argument', `${statement.name} requires at least one argument`)
  return words.map((word) => word.text)
}
