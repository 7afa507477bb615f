import { describe, expect, test } from 'bun:test'
import { checkWords, parseArguments, UnknownWord } from './arguments.ts'
import { command, type Command } from './command.ts'

const spec: Command = command({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'x',
  options: {
    all: { type: 'boolean', short: 'a', help: '' },
    tty: { type: 'boolean', short: 't', help: '' },
    env: { type: 'string', short: 'e', multiple: true, help: '' },
    name: { type: 'string', short: 'n', help: '' },
  },
  refused: { gpus: 'because' },
  min: 1,
  max: 3,
  stopAfter: 1,
  run: async () => 0,
})
const parse = (...argv: string[]): ReturnType<typeof parseArguments> => parseArguments(argv, spec, 'run')

describe('flags', () => {
  test('in every form that docker takes', () => {
    for (const argv of [['--name', 'x'], ['--name=x'], ['-n', 'x'], ['-nx'], ['-n=x'], ['-atnx', '--tty']])
      expect(parse(...argv).values['name']).toBe('x')
    expect(parse('-at').values).toEqual({ all: true, tty: true })
    expect(parse('--all=false', '--tty=1').values).toEqual({ all: false, tty: true })
    expect(parse('-a=false').values).toEqual({ all: false })
    expect(parse('-e', 'A=b', '--env=C=d', '-eE').values['env']).toEqual(['A=b', 'C=d', 'E'])
    expect(parse('--name', '-1').values['name']).toBe('-1')
    expect(parse('--name=').values['name']).toBe('')
  })

  test('end where the words begin to belong to somebody else', () => {
    expect(parse('-a', 'image', 'ls', '-a', '--name', 'x')).toEqual({
      values: { all: true },
      words: ['image', 'ls', '-a', '--name', 'x'],
    })
    expect(parse('--', '-a').words).toEqual(['-a'])
    expect(parse('-').words).toEqual(['-'])
  })

  test('that are wrong say so', () => {
    expect(() => parse('--name')).toThrow('flag needs an argument: --name')
    expect(() => parse('--all=perhaps')).toThrow('true or false')
    expect(() => parse('--gpus', 'all')).toThrow('run: --gpus is not supported')
    expect(() => parse('--nmae', 'x')).toThrow(UnknownWord)
    expect(() => parse('-ax')).toThrow('unknown flag: -x in -ax')
    expect(() => parse('--__proto__')).toThrow(UnknownWord)
  })

  test('a count of words that the command does not take is refused in docker’s words', () => {
    expect(() => checkWords([], spec, 'run')).toThrow("'cairn run' requires at least 1 argument")
    expect(() => checkWords(['a', 'b', 'c', 'd'], spec, 'run')).toThrow('requires at most 3 arguments')
    expect(() => checkWords(['a'], { ...spec, min: 2, max: 2 }, 'tag')).toThrow('requires 2 arguments')
    expect(() => checkWords(['a'], { ...spec, min: 0, max: 0 }, 'ps')).toThrow('accepts no arguments')
  })
})
