import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { decodeName, encodeName, opaquePath, parseWhiteout, safePath, whiteoutPath } from '#codec'

const INVALID = expect.objectContaining({ code: 'invalid_argument' })

test('paths become relative and plain', () => {
  const cases: [string, string][] = [
    ['a', 'a'],
    ['a/b.c/..d/e..', 'a/b.c/..d/e..'],
    ['./a', 'a'],
    ['/etc/passwd', 'etc/passwd'],
    ['//a///b//', 'a/b'],
    ['a/./b/.', 'a/b'],
    ['a/../b', 'b'],
    ['a/b/../..', ''],
    ['.', ''],
    ['./', ''],
    ['/', ''],
    ['', ''],
    ['.../a', '.../a'],
    ['é'.repeat(127), 'é'.repeat(127)],
    ['d/'.repeat(2047) + 'e', 'd/'.repeat(2047) + 'e'],
  ]
  for (const [path, safe] of cases) expect(safePath(path)).toBe(safe)
})

test('paths that leave the root, lie, or do not fit are refused', () => {
  const bad = [
    '..',
    '../a',
    'a/../../b',
    '/..',
    './..',
    'a\0b',
    '\0',
    'n'.repeat(256),
    'é'.repeat(128),
    'd/'.repeat(2047) + 'ee',
  ]
  for (const path of bad) expect(() => safePath(path)).toThrow(INVALID)
})

test('a safe path is safe, and stays as it is', () => {
  const part = fc.oneof(fc.constantFrom('', '.', '..', '...', '.a', 'a'), fc.string({ maxLength: 100 }))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      let safe: string
      try {
        safe = safePath(parts.join('/'))
      } catch (error) {
        return error instanceof CairnError
      }
      const ok = safe === '' || safe.split('/').every((p) => p !== '' && p !== '.' && p !== '..' && !p.includes('\0'))
      return ok && safePath(safe) === safe
    }),
    { numRuns: 1000 },
  )
})

test('every name survives decoding and encoding', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.string({ unit: 'binary' }).map((s) => Uint8Array.from(Buffer.from(s))),
      ),
      (bytes) => {
        expect(Buffer.compare(encodeName(decodeName(Buffer.from(bytes))), bytes)).toBe(0)
      },
    ),
    { numRuns: 1000 },
  )
  expect(decodeName(Buffer.from('naïve\ufffd'))).toBe('naïve\ufffd')
  expect(decodeName(Buffer.from([0x61, 0xe9, 0x62]))).toBe('a\udce9b')
  // Not UTF-8: overlong, surrogates, beyond U+10FFFF.
  for (const bytes of [
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe2, 0x82],
  ])
    expect(decodeName(Buffer.from(bytes))).toBe(String.fromCharCode(...bytes.map((b) => 0xdc00 + b)))
})

test('whiteouts both ways', () => {
  expect(parseWhiteout('a/b')).toBeUndefined()
  expect(parseWhiteout('a.wh.b')).toBeUndefined()
  expect(parseWhiteout('.whx')).toBeUndefined()
  expect(parseWhiteout('.wh.a')).toEqual({ kind: 'remove', path: 'a' })
  expect(parseWhiteout('d/.wh.a.wh.b')).toEqual({ kind: 'remove', path: 'd/a.wh.b' })
  expect(parseWhiteout('d/e/.wh..hidden')).toEqual({ kind: 'remove', path: 'd/e/.hidden' })
  expect(parseWhiteout('.wh..wh..opq')).toEqual({ kind: 'opaque', path: '' })
  expect(parseWhiteout('a/b/.wh..wh..opq')).toEqual({ kind: 'opaque', path: 'a/b' })
  for (const path of ['.wh..wh.plnk', '.wh..wh.plnk/12.34', 'a/.wh..wh.aufs', '.wh..wh.'])
    expect(parseWhiteout(path)).toEqual({ kind: 'metadata', path })
  for (const path of ['.wh.', 'a/.wh.', '.wh..', 'a/.wh...']) expect(() => parseWhiteout(path)).toThrow(INVALID)
  expect(whiteoutPath('a')).toBe('.wh.a')
  expect(whiteoutPath('a/b')).toBe('a/.wh.b')
  expect(opaquePath('')).toBe('.wh..wh..opq')
  expect(opaquePath('a/b')).toBe('a/b/.wh..wh..opq')
  for (const path of ['', 'a/', '.', 'a/..', '.wh.a', 'a/.wh.b']) expect(() => whiteoutPath(path)).toThrow(INVALID)
})
