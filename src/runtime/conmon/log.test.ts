import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { readLog, type ReadLogOptions } from './log.ts'
import { parseLogLine } from './logline.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cairn-test-'))
  path = join(dir, 'ctr.log')
})
afterEach(() => rmSync(dir, { recursive: true }))

const time = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.123456789+00:00`
const line = (text: string, tag = 'F', stream = 'stdout', second = 0): string =>
  `${time(second)} ${stream} ${tag} ${text}\n`

async function texts(options: ReadLogOptions = {}): Promise<string[]> {
  const found: string[] = []
  for await (const { stream, data } of readLog(path, options)) found.push(`${stream} ${Buffer.from(data).toString()}`)
  return found
}

describe('a line', () => {
  const parse = (text: string): unknown => {
    const record = parseLogLine(Buffer.from(text))
    return record && { ...record, data: Buffer.from(record.data).toString() }
  }
  test('whole and partial', () => {
    expect(parse(line('a b'))).toEqual({ stream: 'stdout', time: '2026-01-02T03:04:00.123456789Z', data: 'a b\n' })
    expect(parse(line('a b', 'P', 'stderr'))).toMatchObject({ stream: 'stderr', data: 'a b' })
    expect(parse(line(''))).toMatchObject({ data: '\n' })
  })
  test('times come out in UTC', () => {
    expect(parse('2026-01-02T01:30:00.5+02:00 stdout F x\n')).toMatchObject({ time: '2026-01-01T23:30:00.500000000Z' })
    expect(parse('2026-01-02T01:30:00Z stdout F x\n')).toMatchObject({ time: '2026-01-02T01:30:00.000000000Z' })
  })
  test.each([
    '',
    '\n',
    'x\n',
    'x stdout F y\n',
    `${time(0)} stdin F y\n`,
    `${time(0)} stdout X y\n`,
    `${time(0)} stdout F\n`,
  ])('no line: %j', (text) => {
    expect(parse(text)).toBeUndefined()
  })
  test('no bytes crash it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseLogLine(bytes)),
      { interruptAfterTimeLimit: 1000 },
    )
  })
})

describe('reading', () => {
  test('a log that is not there', async () => {
    expect(await texts()).toEqual([])
    expect(await texts({ tail: 3 })).toEqual([])
  })
  test('bytes that are no text, and lines longer than a block', async () => {
    const long = 'x'.repeat(200_000)
    writeFileSync(
      path,
      Buffer.concat([Buffer.from(`${time(0)} stdout F `), Buffer.from([0xff, 0x00, 0x0a]), Buffer.from(line(long))]),
    )
    const sizes: number[] = []
    for await (const { data } of readLog(path)) sizes.push(data.length)
    expect(sizes).toEqual([3, 200_001])
  })
  test('torn lines are skipped', async () => {
    writeFileSync(path, `${line('a')}2026-01-0\n${line('b')}${time(0)} std`)
    expect(await texts()).toEqual(['stdout a\n', 'stdout b\n'])
  })
  test('by stream and time', async () => {
    writeFileSync(
      path,
      [0, 1, 2, 3].map((second) => line(String(second), 'F', second % 2 ? 'stderr' : 'stdout', second)).join(''),
    )
    const at = (second: number): number => Date.parse(`2026-01-02T03:04:0${second}.123Z`)
    expect(await texts({ streams: ['stderr'] })).toEqual(['stderr 1\n', 'stderr 3\n'])
    expect(await texts({ since: at(2) })).toEqual(['stdout 2\n', 'stderr 3\n'])
    expect(await texts({ until: at(1) })).toEqual(['stdout 0\n', 'stderr 1\n'])
  })
})

describe('tail', () => {
  test("counts the container's lines: pieces belong to the line that they begin", async () => {
    writeFileSync(path, line('one') + line('tw', 'P') + line('o') + line('thr', 'P') + line('ee'))
    expect(await texts({ tail: 0 })).toEqual([])
    expect(await texts({ tail: 1 })).toEqual(['stdout thr', 'stdout ee\n'])
    expect(await texts({ tail: 2 })).toEqual(['stdout tw', 'stdout o\n', 'stdout thr', 'stdout ee\n'])
    expect(await texts({ tail: 99 })).toHaveLength(5)
  })
  test('an unfinished last line is one', async () => {
    writeFileSync(path, line('one') + line('two') + line('unfinish', 'P') + line('ed', 'P'))
    expect(await texts({ tail: 1 })).toEqual(['stdout unfinish', 'stdout ed'])
    expect(await texts({ tail: 2 })).toEqual(['stdout two\n', 'stdout unfinish', 'stdout ed'])
  })
  test('is found wherever the blocks end that a log is read in', async () => {
    const pad = 'x'.repeat(100 - line('').length)
    const whole = Array.from({ length: 1400 }, () => line(pad)).join('')
    // From each byte of a line that the second block of 64 KB from the end may begin with.
    for (let more = 0; more < 100; more++) {
      writeFileSync(path, whole + line('y'.repeat(more)))
      expect(await texts({ tail: 1400 })).toHaveLength(1400)
    }
  })
  test('of any log is the end of it', async () => {
    const piece = fc.record({
      text: fc.string({ maxLength: 9 }).map((text) => text.replaceAll('\n', '')),
      whole: fc.boolean(),
      pad: fc.nat(40_000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.nat(14), async (pieces, tail) => {
        writeFileSync(
          path,
          pieces.map(({ text, whole, pad }) => line(text + '-'.repeat(pad), whole ? 'F' : 'P')).join(''),
        )
        const all = await texts()
        const lines = all.join('').replaceAll('stdout ', '').split('\n')
        if (lines.at(-1) === '') lines.pop()
        const wanted = tail === 0 ? [] : lines.slice(-tail)
        const got = (await texts({ tail })).join('').replaceAll('stdout ', '').split('\n')
        if (got.at(-1) === '') got.pop()
        expect(got).toEqual(wanted)
      }),
      { interruptAfterTimeLimit: 2000, numRuns: 60 },
    )
  })
})

describe('following', () => {
  test('sees what is appended, in pieces, until the end', async () => {
    writeFileSync(path, line('old'))
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const seen: string[] = []
    for await (const { data } of readLog(path, { follow: true, ended })) {
      seen.push(Buffer.from(data).toString().trim())
      if (seen.at(-1) === 'old') appendFileSync(path, line('new').slice(0, 20))
      if (seen.at(-1) === 'old') setTimeout(() => appendFileSync(path, line('new').slice(20)), 1)
      if (seen.at(-1) === 'new') {
        appendFileSync(path, line('last'))
        resolve()
      }
    }
    expect(seen).toEqual(['old', 'new', 'last'])
  })
  test('a log that comes later, is replaced and is truncated', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const seen: string[] = []
    setTimeout(() => writeFileSync(path, line('first')), 1)
    for await (const { data } of readLog(path, { follow: true, ended })) {
      const text = Buffer.from(data).toString().trim()
      seen.push(text)
      if (text === 'first') {
        writeFileSync(`${path}.new`, line('second'))
        renameSync(`${path}.new`, path)
      } else if (text === 'second') {
        truncateSync(path, 0)
        setTimeout(() => appendFileSync(path, line('3rd')), 1)
      } else resolve()
    }
    expect(seen).toEqual(['first', 'second', '3rd'])
  })
  test('stops with its call', async () => {
    writeFileSync(path, line('a'))
    const stop = new AbortController()
    let count = 0
    for await (const _ of readLog(path, { follow: true }, { signal: stop.signal })) {
      count++
      setTimeout(() => stop.abort(), 1)
    }
    expect(count).toBe(1)
  })
  test('nothing is missed however fast it is written', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    writeFileSync(path, '')
    const write = async (): Promise<void> => {
      for (let batch = 0; batch < 200; batch++) {
        appendFileSync(path, line(String(batch)))
        await new Promise((next) => setImmediate(next))
      }
      resolve()
    }
    const writing = write()
    let expected = 0
    for await (const { data } of readLog(path, { follow: true, ended }))
      expect(Buffer.from(data).toString()).toBe(`${expected++}\n`)
    await writing
    expect(expected).toBe(200)
  })
})
