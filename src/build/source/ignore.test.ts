import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { globMatcher, globRegExp, globSteps, hasWildcards, parseGlob } from './glob.ts'
import { IgnoreRules, parseIgnoreFile, type ParentMatch } from './ignore.ts'

/** Asks as a walk does: directory by directory. */
function ignored(rules: IgnoreRules, path: string): boolean {
  const parts = path.split('/')
  let parent: ParentMatch | undefined
  let result = false
  parts.forEach((_, i) => {
    const at = parts.slice(0, i + 1).join('/')
    const match = rules.match(at, parent, i < parts.length - 1)
    expect(rules.ignores(at, parent)).toBe(match.ignored)
    parent = match.here
    result = match.ignored
  })
  return result
}

describe('what is ignored', () => {
  for (const [patterns, yes, no] of [
    ['a(b)c/def', 'a(b)c/def', 'abc/def'],
    ['a+b.c$|{d}', 'a+b.c$|{d}', 'aab.c$|{d}'],
    ['*.txt', 'a.txt', 'd/a.txt'],
    ['**/*.txt', 'd/e/a.txt a.txt', 'a.txt2'],
    ['* !**/*.txt', 'a d/b', 'a.txt d/e/f.txt'],
    ['d !d/keep', 'd d/x d/x/y', 'd/keep d/keep/z'],
    ['d/** !d/keep', 'd/x', 'd d/keep'],
    ['** !x', 'a a/b', 'x x/y'],
    ['/a/', 'a a/b', 'b/a'],
    ['a/../b', 'b', 'a'],
    ['a?c', 'abc', 'a/c ac'],
    ['[a-c]x', 'ax cx', 'dx'],
    ['[^a]x', 'bx', 'ax'],
    ['[\\-x]', '- x', '\\'],
    ['a\\*b', 'a*b', 'axb'],
    ['!a a', 'a', 'b'],
    ['* !a/**/*.txt a/skip', 'a/skip a/skip/x.txt a/z', 'a/x.txt a/y/x.txt'],
    ['* !a a/b !a/b/c', 'a/b a/b/x', 'a a/x a/b/c a/b/c/d'],
    ['a !a', 'b/none', 'a'],
    ['a/*/c', 'a/b/c', 'a/c a/b/b/c'],
    ['**foo', 'foo xfoo d/foo', 'foox'],
    ['foo**', 'foo foobar foo/x', 'xfoo'],
    ['a/**/c', 'a/c a/b/c a/b/b/c', 'a/bc'],
    ['# c', '', '# c'],
    ['^a', '^a', 'a'],
    ['한?', '한국', '한'],
  ] as const)
    test(patterns, () => {
      const text = patterns.startsWith('#') ? patterns : patterns.split(' ').join('\n')
      const rules = new IgnoreRules(parseIgnoreFile(text))
      for (const path of yes.split(' ').filter(Boolean)) {
        if (path === 'b/none') continue
        expect(`${path}: ${ignored(rules, path)}`).toBe(`${path}: true`)
      }
      for (const path of patterns.startsWith('#') ? [no] : no.split(' ').filter(Boolean))
        expect(`${path}: ${ignored(rules, path)}`).toBe(`${path}: false`)
    })
})

describe('malformed patterns are refused', () => {
  for (const pattern of ['[', 'a[', '[x-]', '[-x]', '[]', '[]a]', '\\', 'a\\', '[z-a]', '[a', '[^]', '!', '[\\'])
    test(pattern, () => expect(() => new IgnoreRules([pattern])).toThrow(CairnError))
})

test('ignore files: byte order mark, CRLF, comments only at the start of a line', () => {
  expect(parseIgnoreFile('\uFEFF#a\r\n ./b/ \r\n\r\n #c\n! d\n/')).toEqual(['b', '#c', '!d', '/'])
})

test('wildcards in a source', () => {
  expect(['a*', 'a?', 'a[b]', 'a\\*', 'a\\\\*', 'a'].map(hasWildcards)).toEqual([true, true, true, false, true, false])
})

test('repeated wildcards cost no time', () => {
  const rules = new IgnoreRules(['**/'.repeat(30) + 'x', '*'.repeat(40) + 'y'])
  expect(ignored(rules, 'a/'.repeat(200) + 'b')).toBe(false)
  expect(ignored(new IgnoreRules(['*a'.repeat(12) + 'b']), 'a'.repeat(255))).toBe(false)
})

test('both ways of matching agree', () => {
  const unit = fc.constantFrom(...Array.from('aab/*?'))
  fc.assert(
    fc.property(
      fc.string({ unit, maxLength: 8 }),
      fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 }),
      (p, s) => {
        const tokens = parseGlob(p, true)
        expect(globSteps(tokens)(s)).toBe(globRegExp(tokens).test(s))
      },
    ),
    { numRuns: 3000 },
  )
})

test('any pattern compiles or is refused, and matches itself when it has nothing special', () => {
  const unit = fc.constantFrom(...Array.from('ab/*?[]^-\\!.+({$ 한'))
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (pattern) => {
      try {
        const rules = new IgnoreRules(parseIgnoreFile(pattern))
        ignored(rules, 'a/b/한')
      } catch (error) {
        expect(error).toBeInstanceOf(CairnError)
      }
      if (!/[*?[\]\\]/.test(pattern)) expect(globMatcher(parseGlob(pattern, true))(pattern)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('the last rule that matches a path or a directory above it decides', () => {
  const name = fc.constantFrom('a', 'b', '*', '**', 'a*', '?')
  const pattern = fc
    .tuple(fc.constantFrom('', '!'), fc.array(name, { minLength: 1, maxLength: 3 }))
    .map(([bang, parts]) => `${bang}${parts.join('/')}`)
  const path = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, parts) => {
      const above = parts.map((_, i) => parts.slice(0, i + 1).join('/'))
      const last = patterns.findLast((one) => {
        const alone = new IgnoreRules(parseIgnoreFile(one.replace('!', '')))
        return above.some((at) => alone.match(at, undefined).ignored)
      })
      const rules = new IgnoreRules(parseIgnoreFile(patterns.join('\n')))
      expect(ignored(rules, parts.join('/'))).toBe(last !== undefined && !last.startsWith('!'))
    }),
    { numRuns: 3000 },
  )
})

test('what is not looked into holds nothing that would be taken back', () => {
  const name = fc.constantFrom('a', 'b', '*', '**', 'a*', '?', '[ab]', '.')
  const pattern = fc
    .tuple(fc.constantFrom('', '!'), fc.array(name, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '/', '/**'))
    .map(([bang, parts, end]) => `${bang}${parts.join('/')}${end}`)
  const path = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 2, maxLength: 5 })
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, parts) => {
      const rules = new IgnoreRules(parseIgnoreFile(patterns.join('\n')))
      const hidden = parts
        .slice(1)
        .map((_, i) => parts.slice(0, i + 1).join('/'))
        .some((directory) => ignored(rules, directory) && !rules.mayTakeBack(directory))
      if (hidden) expect(ignored(rules, parts.join('/'))).toBe(true)
    }),
    { numRuns: 3000 },
  )
  const rules = new IgnoreRules(['*', '!src/**/*.ts', '!README.md', '!lib'])
  expect(['src', 'src/a', 'lib', 'lib/x', 'node_modules', 'README'].filter((at) => rules.mayTakeBack(at))).toEqual([
    'src',
    'src/a',
  ])
})
