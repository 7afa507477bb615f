import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { parseGitUrl, parseShortGitUrl, withoutCredentials } from './giturl.ts'

describe('git URLs', () => {
  for (const [text, wanted] of [
    ['https://h/o/r.git', { remote: 'https://h/o/r.git' }],
    ['https://h/o/r.git#v1', { remote: 'https://h/o/r.git', ref: 'v1' }],
    ['https://h/o/r.git#a/b:c/d', { remote: 'https://h/o/r.git', ref: 'a/b', subdir: 'c/d' }],
    ['https://h/o/r.git#:/c/../../d/', { remote: 'https://h/o/r.git', subdir: 'd' }],
    ['http://u:p@h:8/r.git?branch=b', { remote: 'http://u:p@h:8/r.git', ref: 'refs/heads/b' }],
    ['https://h/r.git?tag=t&subdir=s', { remote: 'https://h/r.git', ref: 'refs/tags/t', subdir: 's' }],
    ['https://h/r.git?tag=refs/tags/t', { remote: 'https://h/r.git', ref: 'refs/tags/t' }],
    ['https://h/r.git?ref=x&commit=AbC1', { remote: 'https://h/r.git', ref: 'x', checksum: 'AbC1' }],
    ['https://h/r.git?checksum=ab#x', { remote: 'https://h/r.git', ref: 'x', checksum: 'ab' }],
    ['https://h/r.git?ref=x#x', { remote: 'https://h/r.git', ref: 'x' }],
    ['https://h/r.git?keep-git-dir', { remote: 'https://h/r.git', keepGitDir: true }],
    ['https://h/r.git?submodules=0&mtime=commit', { remote: 'https://h/r.git', submodules: false, mtime: 'commit' }],
    ['git@h:o/r.git#b:d', { remote: 'git@h:o/r.git', ref: 'b', subdir: 'd' }],
    ['git@h:o/r?ref=b', { remote: 'git@h:o/r', ref: 'b' }],
    ['git://h/r', { remote: 'git://h/r' }],
    ['ssh://u@h:22/r#b', { remote: 'ssh://u@h:22/r', ref: 'b' }],
    ['https://h/o/r', undefined],
    ['https://h/o/r.git/file', undefined],
    ['ftp://h/r.git', undefined],
    ['file:///r.git', undefined],
    ['ext::sh -c x', undefined],
    ['./git@h:r', undefined],
    ['r.git', undefined],
    ['github.com/o/r', undefined],
  ] as const)
    test(text, () => expect(parseGitUrl(text)).toEqual(wanted as never))

  for (const [text, message] of [
    ['https://h/r.git?nope=1', 'unexpected query "nope"'],
    ['https://h/r.git?ref=a&ref=b', 'query "ref" has multiple values'],
    ['https://h/r.git?ref=', 'query "ref" has no value'],
    ['https://h/r.git?ref=a#b', 'ref conflicts'],
    ['https://h/r.git?tag=a&branch=b', 'ref conflicts'],
    ['https://h/r.git?subdir=a#:b', 'subdir conflicts'],
    ['https://h/r.git#--upload-pack=x', 'invalid git ref'],
    ['https://h/r.git?commit=xyz', 'not hexadecimal'],
    ['https://h/r.git?mtime=now', 'invalid mtime'],
    ['https://h/r.git?submodules=maybe', 'invalid submodules value'],
  ] as const)
    test(`${text} is refused`, () => expect(() => parseGitUrl(text)).toThrow(message))

  test('the old form of a context', () => {
    expect(parseShortGitUrl('github.com/o/r#b')).toEqual({ remote: 'https://github.com/o/r.git', ref: 'b' })
    expect(parseShortGitUrl('example.com/o/r')).toBeUndefined()
  })

  test('any text: a repository that git reads as no option and no command, or a plain refusal', () => {
    const piece = fc.constantFrom(
      'https://',
      'git@',
      'h',
      ':',
      '/',
      '.git',
      '?',
      '#',
      '&',
      '=',
      'ref',
      '-',
      '..',
      '%',
      '\n',
      ' ',
    )
    fc.assert(
      fc.property(
        fc.array(piece).map((parts) => parts.join('')),
        (text) => {
          try {
            const source = parseGitUrl(text)
            if (!source) return
            expect(source.remote).toMatch(/^(?:https?|git|ssh):\/\/|^[\w-]+@[\w.-]+:/i)
            expect(source.ref ?? '').not.toStartWith('-')
            expect(`/${source.subdir ?? ''}/`).not.toContain('/../')
          } catch (error) {
            expect(error).toBeInstanceOf(CairnError)
          }
        },
      ),
    )
  })

  test('credentials are not shown', () => {
    expect(withoutCredentials('https://u:secret@h/r.git')).toBe('https://xxxxx:xxxxx@h/r.git')
    expect(withoutCredentials('ssh://git@h/r.git')).toBe('ssh://git@h/r.git')
  })
})
