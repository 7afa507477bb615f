import type { HclFunction } from '../hcl/evaluate.ts'
import { define, number, text } from './arguments.ts'

/** An IP network: its address as a number, the bits of the prefix, and of an address. */
interface Network {
  readonly address: bigint
  readonly prefix: number
  readonly bits: 32 | 128
}

export const network: Readonly<Record<string, HclFunction>> = {
  cidrhost: define([text, number], (cidr, host) => formatAddress(hostOf(parse(cidr), BigInt(host)), parse(cidr).bits)),
  cidrnetmask: define([text], (cidr) => {
    const { prefix, bits } = parse(cidr)
    if (bits === 128) throw new Error('IPv6 has no netmasks')
    return formatAddress(mask(prefix, bits), bits)
  }),
  cidrsubnet: define([text, number, number], (cidr, more, which) => format(subnet(parse(cidr), more, BigInt(which)))),
  cidrsubnets: define([text], (cidr, ...sizes) => subnets(parse(cidr), sizes).map(format), number),
}

function parse(cidr: string): Network {
  const [host = '', length = ''] = cidr.split('/')
  const bits = host.includes(':') ? 128 : 32
  const prefix = Number(length)
  if (!/^\d{1,3}$/.test(length) || prefix > bits)
    throw new Error(`${JSON.stringify(cidr)} is no network in CIDR notation`)
  const address = bits === 32 ? v4(host) : v6(host)
  if (address === undefined) throw new Error(`${JSON.stringify(cidr)} is no network in CIDR notation`)
  return { address: address & mask(prefix, bits), prefix, bits }
}

function mask(prefix: number, bits: number): bigint {
  return ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix)
}

function v4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
}

function v6(text: string): bigint | undefined {
  const [head = '', tail, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const all = [...before, ...Array<string>(missing).fill('0'), ...after]
  if (all.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

function hostOf({ address, prefix, bits }: Network, host: bigint): bigint {
  const size = 1n << BigInt(bits - prefix)
  const at = host < 0n ? size + host : host
  if (at < 0n || at >= size) throw new Error(`a prefix of ${prefix} has no host ${host}`)
  return address + at
}

function subnet({ address, prefix, bits }: Network, more: number, which: bigint): Network {
  const longer = prefix + more
  if (more < 0 || longer > bits) throw new Error(`a prefix of ${prefix} cannot be extended by ${more}`)
  if (which < 0n || which >= 1n << BigInt(more))
    throw new Error(`a prefix extended by ${more} does not count to ${which}`)
  return { address: address | (which << BigInt(bits - longer)), prefix: longer, bits }
}

/** One after another, each where its size lets it begin. */
function subnets(of: Network, sizes: readonly number[]): Network[] {
  let next = of.address
  return sizes.map((more) => {
    const size = 1n << BigInt(of.bits - of.prefix - more)
    const start = ((next + size - 1n) / size) * size
    const found = subnet(of, more, (start - of.address) / size)
    next = start + size
    return found
  })
}

function format({ address, prefix, bits }: Network): string {
  return `${formatAddress(address, bits)}/${prefix}`
}

function formatAddress(address: bigint, bits: 32 | 128): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 0xffn)).join('.')
  return shortened(Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)))
}

/** RFC 5952: the longest run of zeros, two at least, becomes `::`. */
function shortened(groups: readonly string[]): string {
  let best = { start: 0, length: 1 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === '0') length++
    if (length > best.length) best = { start, length }
  }
  if (best.length < 2) return groups.join(':')
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`
}
