import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { familiarName, formatReference, parseReference, withDefaultTag } from './reference.ts'

const F64 = 'f'.repeat(64)
const F128 = 'f'.repeat(128)

// text → canonical form → familiar form
const ACCEPTED: readonly (readonly [text: string, canonical: string, familiar: string])[] = [
  ['debian', 'docker.io/library/debian', 'debian'],
  ['debian:12', 'docker.io/library/debian:12', 'debian:12'],
  ['library/debian', 'docker.io/library/debian', 'debian'],
  ['docker.io/debian', 'docker.io/library/debian', 'debian'],
  ['docker.io/library/debian', 'docker.io/library/debian', 'debian'],
  ['index.docker.io/debian', 'docker.io/library/debian', 'debian'],
  ['index.docker.io/library/debian:x', 'docker.io/library/debian:x', 'debian:x'],
  ['docker.io/library/a/b', 'docker.io/library/a/b', 'library/a/b'],
  ['docker.io/library', 'docker.io/library/library', 'library'],
  ['user/app', 'docker.io/user/app', 'user/app'],
  ['user/app/deep', 'docker.io/user/app/deep', 'user/app/deep'],
  ['docker/docker', 'docker.io/docker/docker', 'docker/docker'],
  ['localhost', 'docker.io/library/localhost', 'localhost'],
  ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
  ['localhost/app', 'localhost/app', 'localhost/app'],
  ['localhost:5000/app:1', 'localhost:5000/app:1', 'localhost:5000/app:1'],
  ['test.com:tag', 'docker.io/library/test.com:tag', 'test.com:tag'],
  ['test.com:5000', 'docker.io/library/test.com:5000', 'test.com:5000'],
  ['test.com/repo:tag', 'test.com/repo:tag', 'test.com/repo:tag'],
  ['test:5000/repo', 'test:5000/repo', 'test:5000/repo'],
  [`test:5000/repo:tag@sha256:${F64}`, `test:5000/repo:tag@sha256:${F64}`, `test:5000/repo:tag@sha256:${F64}`],
  [`repo@sha256:${F64}`, `docker.io/library/repo@sha256:${F64}`, `repo@sha256:${F64}`],
  [`xn--7o8h.com/i:t@sha512:${F128}`, `xn--7o8h.com/i:t@sha512:${F128}`, `xn--7o8h.com/i:t@sha512:${F128}`],
  ['lowercase:Uppercase', 'docker.io/library/lowercase:Uppercase', 'lowercase:Uppercase'],
  // Upper case makes the first component a domain: no Docker Hub namespace has it.
  ['Upper/lower:tag', 'Upper/lower:tag', 'Upper/lower:tag'],
  ['foo/foo_bar.com:8080', 'docker.io/foo/foo_bar.com:8080', 'foo/foo_bar.com:8080'],
  ['sub-dom1.foo.com/bar/baz/quux', 'sub-dom1.foo.com/bar/baz/quux', 'sub-dom1.foo.com/bar/baz/quux'],
  ['192.168.1.1', 'docker.io/library/192.168.1.1', '192.168.1.1'],
  ['192.168.1.1:5000/repo:5050', '192.168.1.1:5000/repo:5050', '192.168.1.1:5000/repo:5050'],
  ['[2001:db8::1]/repo', '[2001:db8::1]/repo', '[2001:db8::1]/repo'],
  ['[2001:db8::1]:5000/repo:t', '[2001:db8::1]:5000/repo:t', '[2001:db8::1]:5000/repo:t'],
  ['[::1]:5000/repo', '[::1]:5000/repo', '[::1]:5000/repo'],
  ['a__b/c--d', 'docker.io/a__b/c--d', 'a__b/c--d'],
  [`${F64}:tag`, `docker.io/library/${F64}:tag`, `${F64}:tag`],
  [`sha256:${F64}`, `docker.io/library/sha256:${F64}`, `sha256:${F64}`],
  [`docker.io/${F64}`, `docker.io/library/${F64}`, F64],
  [F64.slice(1), `docker.io/library/${F64.slice(1)}`, F64.slice(1)],
  [`a:${'t'.repeat(128)}`, `docker.io/library/a:${'t'.repeat(128)}`, `a:${'t'.repeat(128)}`],
  ['a:_x', 'docker.io/library/a:_x', 'a:_x'],
  [`x.io/${'a/'.repeat(127)}a`, `x.io/${'a/'.repeat(127)}a`, `x.io/${'a/'.repeat(127)}a`],
]

const REFUSED: readonly (readonly [text: string, why: RegExp])[] = [
  ['', /empty/],
  [F64, /64 hexadecimal/],
  ['Uppercase:tag', /lower case/],
  ['library/Debian', /lower case/],
  ['test:5000/Uppercase/lower:tag', /lower case/],
  [':justtag', /expected/],
  [`@sha256:${F64}`, /expected/],
  ['repo@sha256:ffffffffffffffffffffffffffffffffff', /digest/],
  [`repo@sha256:${'F'.repeat(64)}`, /digest/],
  [`repo@sha384:${'f'.repeat(96)}`, /digest/],
  [`validname@invaliddigest:${F64}`, /digest/],
  [`x.io/${'a/'.repeat(128)}a:tag`, /255/],
  ['a'.repeat(3000), /too long/],
  ['aa/asdf$$^/aa', /expected/],
  ['[2001:db8::1]', /expected/],
  ['[2001:db8::1]:5000', /expected/],
  ['[fe80::1%eth0]:5000/repo', /expected/],
  [`a:${'t'.repeat(129)}`, /expected/],
  ['a:.x', /expected/],
  ['a:', /expected/],
  ['a@', /expected/],
  ['a/', /expected/],
  ['/a', /expected/],
  ['a//b', /expected/],
  ['-foo/bar', /expected/],
  ['foo/bar-', /expected/],
  ['foo/.bar', /expected/],
  ['a___b', /expected/],
  ['a..b', /expected/],
  ['docker.io/', /expected/],
  ['https://github.com/a/b', /expected/],
  ['foo bar', /expected/],
  ['a\n', /expected/],
  ['Аpp/x', /./],
  // No registry can be reached under a host name with an underscore.
  ['foo_bar.com/repo', /expected/],
]

describe('references', () => {
  test.each(ACCEPTED)('%s is %s', (text, canonical, familiar) => {
    const ref = parseReference(text)
    expect(formatReference(ref)).toBe(canonical)
    expect(familiarName(ref)).toBe(familiar)
  })

  test.each(REFUSED)('%s is refused', (text, why) => {
    expect(() => parseReference(text)).toThrow(why)
  })

  test('latest is added only where there is neither tag nor digest', () => {
    const named = (text: string): string => familiarName(withDefaultTag(parseReference(text)))
    expect(named('a')).toBe('a:latest')
    expect(named('a:1')).toBe('a:1')
    expect(named(`a@sha256:${F64}`)).toBe(`a@sha256:${F64}`)
  })

  test('any text is either refused or read the same again from both its written forms', () => {
    const piece = fc.constantFrom('a', 'Z', '0', '.', '-', '_', '/', ':', '@', '[', ']', 'docker.io', `sha256:${F64}`)
    const texts = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        let ref
        try {
          ref = parseReference(text)
        } catch (error) {
          expect(error).toBeInstanceOf(CairnError)
          return
        }
        expect(parseReference(formatReference(ref))).toEqual(ref)
        // 64 hexadecimal digits are the one familiar name that reads as something else: an image ID.
        if (!/^[a-f0-9]{64}$/.test(familiarName(ref))) expect(parseReference(familiarName(ref))).toEqual(ref)
      }),
      { numRuns: 2000 },
    )
  })

  test('a hostile name costs no time', () => {
    for (const text of ['a-'.repeat(1000), `x.io/${'a_'.repeat(1000)}`, `${'a.'.repeat(900)}/`, 'a'.repeat(2000) + '!'])
      expect(() => parseReference(text)).toThrow(CairnError)
  })
})
