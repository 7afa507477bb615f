import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  addressAt,
  contains,
  following,
  formatAddress,
  formatCidr,
  lastAddress,
  overlaps,
  parseAddress,
  parseCidr,
  tryParseAddress,
} from './address.ts'

describe('addresses', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['FD00:0:0::1', 'fd00::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s reads as %s', (text, canonical) => {
    expect(formatAddress(parseAddress(text))).toBe(canonical)
  })

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '1.2.3.-4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '1.2.3.4::',
    '::1.2.3',
    ':1:2:3:4:5:6:7',
  ])('%j is refused', (text) => {
    expect(tryParseAddress(text)).toBeUndefined()
  })

  test('every address survives its text', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
    )
    fc.assert(fc.property(bytes, (address) => expect(parseAddress(formatAddress(address))).toEqual(address)))
  })

  test('no text makes the parser throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void tryParseAddress(text)))
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...':.0123456789af'.split('')) }),
        (text) => void tryParseAddress(text),
      ),
    )
  })
})

describe('subnets', () => {
  test('base, last and following', () => {
    const cidr = parseCidr('10.88.3.7/16')
    expect(formatCidr(cidr)).toBe('10.88.0.0/16')
    expect(formatAddress(lastAddress(cidr))).toBe('10.88.255.255')
    expect(formatAddress(addressAt(cidr, 257n))).toBe('10.88.1.1')
    expect(formatAddress(following(lastAddress(parseCidr('fd00:0:0:ff::/64'))) ?? new Uint8Array())).toBe(
      'fd00:0:0:100::',
    )
    expect(following(lastAddress(parseCidr('255.255.0.0/16')))).toBeUndefined()
  })

  test.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'fd00::/129',
    'x/8',
    '10.0.0.0/1e1',
  ])('%s is refused', (text) => expect(() => parseCidr(text)).toThrow('invalid subnet'))

  test('containing and overlapping', () => {
    const cidr = parseCidr('10.88.0.0/13')
    expect(contains(cidr, parseAddress('10.95.255.255'))).toBe(true)
    expect(contains(cidr, parseAddress('10.96.0.0'))).toBe(false)
    expect(contains(parseCidr('0.0.0.0/0'), parseAddress('::'))).toBe(false)
    expect(overlaps(parseCidr('10.90.0.0/16'), cidr)).toBe(true)
    expect(overlaps(cidr, parseCidr('10.90.0.0/16'))).toBe(true)
    expect(overlaps(parseCidr('0.0.0.0/0'), cidr)).toBe(true)
    expect(overlaps(parseCidr('10.96.0.0/16'), cidr)).toBe(false)
  })
})
