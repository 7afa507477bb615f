import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { chooseManifest, formatPlatform, matchPlatform, normalizePlatform, parsePlatform } from './platform.ts'
import type { Descriptor, Digest, Platform } from './types.ts'

const HOST: Platform = { os: 'linux', architecture: 'amd64' }
const at = (text: string): Platform => parsePlatform(text, HOST)

const entry = (name: string, platform?: Platform, annotations?: Record<string, string>): Descriptor => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${name.padEnd(64, '0')}` as Digest,
  size: 1,
  ...(platform ? { platform } : {}),
  ...(annotations ? { annotations } : {}),
})

describe('platforms', () => {
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux', 'linux/amd64'],
    ['amd64', 'linux/amd64'],
    ['x86_64', 'linux/amd64'],
    ['linux/x86-64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm64/v9.0', 'linux/arm64/v9'],
    ['arm', 'linux/arm/v7'],
    ['armhf', 'linux/arm/v7'],
    ['armel', 'linux/arm/v6'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['i386', 'linux/386'],
    ['macOS', 'darwin/amd64'],
    ['Windows/AMD64', 'windows/amd64'],
    ['linux/riscv64', 'linux/riscv64'],
    ['solaris/novel', 'solaris/novel'],
  ])('%s is %s', (text, expected) => expect(formatPlatform(at(text))).toBe(expected))

  test.each(['', 'nonsense', 'a/b/c/d', 'linux/', '/amd64', 'linux/am d64', 'linux/$(x)', 'x'.repeat(100)])(
    '%s is refused',
    (text) => expect(() => at(text)).toThrow(/platform|unknown/),
  )

  // wanted, offered from best to worst; nothing else suits
  test.each([
    ['linux/amd64', ['linux/amd64', 'linux/386']],
    ['linux/amd64/v3', ['linux/amd64/v3', 'linux/amd64/v2', 'linux/amd64', 'linux/386']],
    ['linux/arm/v7', ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
    ['linux/arm/v6', ['linux/arm/v6', 'linux/arm/v5']],
    ['linux/arm64', ['linux/arm64', 'linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
    ['linux/arm64/v9', ['linux/arm64/v9', 'linux/arm64/v8.5', 'linux/arm64/v8.1', 'linux/arm64', 'linux/arm/v7']],
    ['linux/s390x', ['linux/s390x']],
  ])('%s runs %j in this order', (want, order) => {
    const ranks = order.map((have) => matchPlatform(at(want), at(have)))
    expect(ranks).not.toContain(undefined)
    expect(ranks[0]).toBe(0)
    expect(ranks).toEqual(ranks.toSorted((a, b) => Number(a) - Number(b)))
    for (const other of ['linux/ppc64le', 'windows/amd64', 'linux/amd64/v4', 'linux/arm64/v9.3'])
      expect(matchPlatform(at(want), at(other))).toBeUndefined()
  })

  test('windows asks for the same build', () => {
    const windows = (version: string): Platform => ({ os: 'windows', architecture: 'amd64', 'os.version': version })
    expect(matchPlatform(windows('10.0.17763.1'), windows('10.0.17763.99'))).toBe(0)
    expect(matchPlatform(windows('10.0.17763.1'), windows('10.0.20348.1'))).toBeUndefined()
  })

  test('the best entry is chosen, the first of equals, never an attestation', () => {
    const entries = [
      entry('a', { os: 'unknown', architecture: 'unknown' }),
      entry('b', { os: 'linux', architecture: 'arm', variant: 'v6' }),
      entry('c', { os: 'linux', architecture: 'arm', variant: 'v7' }),
      entry('d', { os: 'linux', architecture: 'amd64' }, { 'vnd.docker.reference.type': 'attestation-manifest' }),
      entry('e', { os: 'linux', architecture: 'amd64' }),
      entry('f', { os: 'linux', architecture: 'amd64' }),
      entry('9'),
    ]
    const chosen = (want: string): string | undefined => chooseManifest(entries, at(want))?.digest[7]
    expect(chosen('linux/arm64')).toBe('c')
    expect(chosen('linux/arm/v6')).toBe('b')
    expect(chosen('linux/amd64')).toBe('e')
    expect(chosen('linux/s390x')).toBeUndefined()
  })

  test('normalising is idempotent and what is formatted is read again', () => {
    const word = fc.constantFrom('linux', 'amd64', 'ARM64', 'aarch64', 'arm', 'v8', '8', 'v9.0', 'v1', 'x', '')
    fc.assert(
      fc.property(word, word, word, (os, architecture, variant) => {
        const once = normalizePlatform({ os, architecture, variant })
        expect(normalizePlatform(once)).toEqual(once)
        if (once.os && once.architecture) expect(at(formatPlatform(once))).toEqual(once)
        expect(matchPlatform(once, once)).toBe(0)
      }),
    )
  })
})
