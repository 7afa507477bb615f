import { describe, expect, test } from 'bun:test'
import { utf8, type Progress } from '#base'
import { plain } from './plain.ts'
import { rawLine } from './renderer.ts'
import { Steps } from './steps.ts'
import { picture } from './tty.ts'

const log = (vertex: string, text: string): Progress => ({ kind: 'log', vertex, stream: 'stdout', data: utf8(text) })
const vertex = (id: string, more: Partial<Extract<Progress, { kind: 'vertex' }>> = {}): Progress => ({
  kind: 'vertex',
  id,
  name: `[${id}]`,
  ...more,
})

const records: readonly Progress[] = [
  vertex('a'),
  vertex('b'),
  vertex('a', { started: 1000 }),
  log('a', 'one\ntw'),
  vertex('b', { started: 1500 }),
  log('b', 'other\n'),
  log('a', 'o\nunfinished'),
  vertex('a', { started: 1000, completed: 2250 }),
  vertex('b', { started: 1500, completed: 1600, error: 'exit code: 3' }),
  vertex('c', { started: 2000, completed: 2000, cached: true }),
  { kind: 'warning', message: 'careful', location: { file: 'Dockerfile', line: 4 } },
]

describe('progress', () => {
  test('plain: lines of steps that run at once say whose they are', () => {
    let said = ''
    const shown = plain(
      (text) => void (said += text),
      () => 1750,
    )
    for (const record of records) shown.report(record)
    shown.end()
    shown[Symbol.dispose]()
    expect(said).toBe(`#1 [a]
#1 0.750 one

#2 [b]
#2 0.250 other

#1 [a]
#1 0.750 two
#1 0.750 unfinished
#1 DONE 1.3s

#2 [b]
#2 ERROR: exit code: 3

#3 [c]
#3 CACHED

1 warning found:
 - careful
     Dockerfile:4
`)
  })

  test('tty: one line a step, running ones with the end of their output, never wider or higher than the screen', () => {
    const steps = new Steps()
    for (const record of records.slice(0, 7)) steps.take(record)
    const view = { now: 3000, began: 0, last: false, colour: false, columns: 30, rows: 24 }
    expect(picture(steps, view)).toEqual([
      '[+] Building 3.0s (0/2)',
      ' => [a]                  2.0s',
      ' => => # one',
      ' => => # two',
      ' => => # unfinished',
      ' => [b]                  1.5s',
      ' => => # other',
    ])
    for (const record of records.slice(7)) steps.take(record)
    expect(picture(steps, { ...view, last: true })).toEqual([
      '[+] Building 3.0s (3/3) FINIS…',
      ' => [a]                  1.3s',
      ' => ERROR [b]            0.1s',
      ' => CACHED [c]               ',
    ])
    for (let i = 0; i < 100; i++)
      steps.take(vertex(`step ${i}`, { started: 1, ...(i % 3 === 0 ? { completed: 2 } : {}) }))
    steps.take(log('step 1', '\x1b[31mred\x1b[0m\rover\ttab\x07 and a very long line that goes on and on\n'))
    const lines = picture(steps, { ...view, rows: 10 })
    expect(lines.length).toBeLessThanOrEqual(10)
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(30)
    expect(picture(steps, { ...view, rows: 500 }).join('\n')).toContain('# over    tab and a')
  })

  test('rawjson: bytes in base64', () => {
    expect(rawLine(log('a', 'x'))).toBe('{"kind":"log","vertex":"a","stream":"stdout","data":"eA=="}\n')
  })
})
