import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { CairnError } from '#base'
import { expand, expandWord } from './expand.ts'

const VARIABLES: Record<string, string> = {
  PWD: '/home',
  SHELL: 'bash',
  EMPTY: '',
  KOREAN: '한국어',
  FILE: 'a.tar.gz',
  PATHS: '/usr/lib/x/lib',
  STARS: 'a*b*c',
}
const lookup = (name: string): string | undefined => VARIABLES[name]

describe('expand', () => {
  for (const line of readFileSync(new URL('expand.table.txt', import.meta.url), 'utf8').split('\n')) {
    const bar = line.indexOf('|')
    if (bar < 0 || line.startsWith('#')) continue
    const source = line.slice(0, bar).trim()
    const wanted = line.slice(bar + 1).trim()
    test(`${source} is ${wanted === '!' ? 'refused' : `"${wanted}"`}`, () => {
      if (wanted === '!') expect(() => expandWord(source, lookup)).toThrow(CairnError)
      else expect(expandWord(source, lookup)).toBe(wanted)
    })
  }

  test('splits at white space that is not quoted', () => {
    const vars = (name: string): string | undefined => (name === 'TWO' ? 'a  b' : undefined)
    expect(expand('x $TWO "c d" e\\ f', vars).words).toEqual(['x', 'a', 'b', 'c d', 'e f'])
    expect(expand('pre$TWO', vars).words).toEqual(['prea', 'b'])
    expect(expand('  ""  ', vars).words).toEqual([])
  })

  test('tells which variables were not set', () => {
    expect([...expand('$A${B:-$PWD}', lookup).unset]).toEqual(['A', 'B'])
  })

  test('keeps what is unset where asked', () => {
    const options = { keepUnset: true, rawQuotes: true }
    expect(expandWord('"$A" ${B:-x} ${C%y} $PWD', lookup, options)).toBe('"$A" ${B:-x} ${C%y} /home')
  })

  test('the backtick can be the escape', () => {
    expect(expandWord('a`$PWD\\b', lookup, { escape: '`' })).toBe('a$PWD\\b')
  })

  test('quotes in a heredoc body are text', () => {
    expect(expandWord(`it's "$PWD" \\$x`, lookup, { literalQuotes: true })).toBe(`it's "/home" $x`)
  })

  test('the words of ? become the message', () => {
    expect(() => expandWord('${VERSION:?set it}', lookup)).toThrow('VERSION: set it')
  })

  test('hostile nesting and growth end in an error', () => {
    expect(() => expandWord('${a:-'.repeat(5000), lookup)).toThrow(CairnError)
    const big = 'x'.repeat(1 << 20)
    expect(() => expandWord('$B'.repeat(100), () => big)).toThrow('longer than 16 MiB')
  })

  test('patterns cost linear time', () => {
    const value = 'a'.repeat(50_000)
    const vars = (): string => value
    expect(expandWord('${V//a*b/x}', vars)).toBe(value)
    expect(expandWord('${V%%a*a*a*b}', vars)).toBe(value)
    expect(expandWord('${V##*a*a*}', vars)).toBe('')
  })

  test('no text makes it throw anything but its own error', () => {
    const alphabet = fc.constantFrom(...Array.from('${}:-+?#%/\'"\\ aA1*<.한'))
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 40 }), fc.boolean(), (source, keepUnset) => {
        try {
          expand(source, lookup, { keepUnset })
        } catch (error) {
          expect(error).toBeInstanceOf(CairnError)
        }
      }),
      { numRuns: 3000 },
    )
  })
})
