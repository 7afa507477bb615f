import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { hasTransport, parseLocation } from './location.ts'

const digest = `sha256:${'a'.repeat(64)}`

describe('names with a transport', () => {
  test.each([
    ['debian', { kind: 'store', ref: 'debian' }],
    ['oci/app:v1', { kind: 'store', ref: 'oci/app:v1' }],
    ['store://debian:12', { kind: 'store', ref: 'debian:12' }],
    ['docker://debian:12', { kind: 'registry', reference: { domain: 'docker.io', path: 'library/debian', tag: '12' } }],
    ['oci:/a/b', { kind: 'oci', path: '/a/b' }],
    ['oci:dir:', { kind: 'oci', path: 'dir' }],
    ['oci:dir:v1', { kind: 'oci', path: 'dir', ref: 'v1' }],
    [`oci:dir@${digest}`, { kind: 'oci', path: 'dir', ref: digest }],
    [`oci:dir:@${digest}`, { kind: 'oci', path: 'dir', ref: digest }],
    ['oci-archive:a.tar:quay.io/a/b:v1', { kind: 'oci-archive', path: 'a.tar', ref: 'quay.io/a/b:v1' }],
    ['docker-archive:a.tar:@1', { kind: 'docker-archive', path: 'a.tar', ref: '@1' }],
    ['docker-daemon:app:v1', { kind: 'docker-daemon', ref: 'app:v1' }],
    ['containers-storage:app', { kind: 'containers-storage', ref: 'app' }],
    ['ssh://ann@far:2222/team/app:v1', { kind: 'ssh', address: 'ssh://ann@far:2222', ref: 'team/app:v1' }],
  ])('%s', (text, location) => {
    expect(parseLocation(text) as object).toEqual(location)
    expect(hasTransport(text)).toBe(!/^(debian|oci\/)/.test(text))
  })

  test('a name alone may mean a registry', () => {
    expect(parseLocation('debian', 'registry')).toMatchObject({ kind: 'registry' })
  })

  test.each([
    'docker://',
    'docker://UPPER/x y',
    'oci:',
    'oci::v1',
    'store://',
    'docker-daemon:',
    'ssh://host',
    'ssh:///app',
    'http://x/y',
    'atomic://x',
    'oci:a\0b',
  ])('%j is refused', (text) => {
    expect(() => parseLocation(text)).toThrow(CairnError)
  })

  test('whatever is read is a location or one clear refusal', () => {
    const prefix = fc.constantFrom('', 'docker://', 'oci:', 'oci-archive:', 'docker-archive:', 'ssh://', 'store://')
    fc.assert(
      fc.property(prefix, fc.string(), (transport, rest) => {
        try {
          expect(parseLocation(transport + rest).kind).toBeString()
        } catch (error) {
          expect(error).toBeInstanceOf(CairnError)
          expect((error as CairnError).message).not.toContain('\n')
        }
      }),
    )
  })
})
