import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { isCode } from '#base'
import { contains, parseAddress, parseCidr } from './address.ts'
import { allocate } from './ipam.ts'
import type { NetworkConfig } from './types.ts'

function network(...subnets: [subnet: string, gateway: string][]): NetworkConfig {
  return { id: 'n', name: 'n', bridge: 'br', subnets: subnets.map(([subnet, gateway]) => ({ subnet, gateway })) }
}

const both = network(['10.88.0.0/16', '10.88.0.1'], ['fd00:88::/64', 'fd00:88::1'])

describe('allocate', () => {
  test('gives the lowest free address of each family', () => {
    expect(allocate(both, new Set())).toEqual({ ipv4: '10.88.0.2', ipv6: 'fd00:88::2' })
    expect(allocate(both, new Set(['10.88.0.2', 'fd00:88::2', 'fd00:88::3']))).toEqual({
      ipv4: '10.88.0.3',
      ipv6: 'fd00:88::4',
    })
  })

  test('fills a subnet and says when it is full', () => {
    const small = network(['192.168.7.0/29', '192.168.7.3'])
    const taken = new Set<string>()
    for (let count = 0; count < 5; count++) taken.add(allocate(small, taken).ipv4 ?? '')
    expect([...taken]).toEqual(['192.168.7.1', '192.168.7.2', '192.168.7.4', '192.168.7.5', '192.168.7.6'])
    expect(() => allocate(small, taken)).toThrow('no free address in 192.168.7.0/29 of network n')
  })

  test('checks what was asked for', () => {
    const code = (wanted: { ipv4?: string; ipv6?: string }, taken: string[] = []): string => {
      try {
        return JSON.stringify(allocate(both, new Set(taken), wanted))
      } catch (error) {
        return isCode(error, 'already_exists')
          ? 'already_exists'
          : isCode(error, 'invalid_argument')
            ? 'invalid'
            : 'other'
      }
    }
    expect(code({ ipv4: '10.88.9.9', ipv6: 'FD00:88:0::9' })).toBe('{"ipv4":"10.88.9.9","ipv6":"fd00:88::9"}')
    for (const ipv4 of ['10.88.0.0', '10.88.0.1', '10.88.255.255', '10.89.0.1', 'x'])
      expect(code({ ipv4 })).toBe('invalid')
    expect(code({ ipv4: '10.88.9.9' }, ['10.88.9.9'])).toBe('already_exists')
    expect(() => allocate(network(['10.88.0.0/16', '10.88.0.1']), new Set(), { ipv6: 'fd00::2' })).toThrow(
      'no IPv6 subnet',
    )
  })

  test('never gives an address twice, outside, or reserved', () => {
    const subnet = fc.tuple(fc.integer({ min: 24, max: 30 }), fc.ipV4()).map(([prefix, ip]) => `${ip}/${prefix}`)
    fc.assert(
      fc.property(subnet, fc.nat(400), (text, count) => {
        const cidr = parseCidr(text)
        const gateway = [...cidr.base.subarray(0, 3), (cidr.base[3] ?? 0) + 1].join('.')
        const config = network([text, gateway])
        const taken = new Set<string>()
        const size = 2 ** (32 - cidr.prefix) - 3
        for (let at = 0; at < Math.min(count, size); at++) {
          const { ipv4 = '' } = allocate(config, taken)
          expect(taken.has(ipv4) || ipv4 === gateway || !contains(cidr, parseAddress(ipv4))).toBe(false)
          taken.add(ipv4)
        }
      }),
      { numRuns: 20 },
    )
  })
})
