import { expect, test } from 'bun:test'
import { CairnError } from '#base'
import { UnknownWord } from './arguments.ts'
import { describe as lines } from './report.ts'

test('an error is one line, its place, and what to do', () => {
  const error = new CairnError('invalid_argument', 'a\nmessage', {
    hint: 'do this',
    location: { file: 'Dockerfile', line: 9, endLine: 10, excerpt: 'RUN one\n  two\n' },
  })
  expect(lines(error, false)).toEqual([
    'cairn: a message',
    'Dockerfile:9',
    '  9 | >>> RUN one',
    ' 10 | >>>   two',
    'hint: do this',
  ])
  expect(lines(new CairnError('internal', 'x', { location: { file: 'f', line: 1 } }), false)).toEqual([
    'cairn: x',
    '  f:1',
  ])
  expect(lines(new CairnError('internal', 'x'), true)[0]).toContain('\x1b[')
})

test('a mistyped word gets a suggestion', () => {
  const error = Object.assign(new UnknownWord('unknown flag: --al'), {
    word: '--al',
    candidates: ['--all'],
    help: 'cairn ps --help',
  })
  expect(lines(error, false)).toContain("hint: did you mean '--all'?")
})

test('anything thrown can be told', () => {
  expect(lines('text', false)).toEqual(['cairn: text'])
  expect(lines(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }), false)[1]).toContain(
    'disk is full',
  )
})
