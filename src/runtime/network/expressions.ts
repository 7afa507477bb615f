import { FAMILY, type Family } from './nftables.ts'
import { be32, cstr, u32, type Attribute } from './netlink.ts'

/** The words of an nf_tables rule. Each loads into registers or compares them; a mismatch ends the rule. */

/** Sixteen bytes each. */
export const R1 = 1
export const R2 = 2
/** The four-byte view: slots 0 to 3 are R1, 4 to 7 are R2 … */
export const slot = (number: number): number => 8 + number

const META = { iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const
const CT = { state: 0, status: 2 } as const
const BASE = { network: 1, transport: 2 } as const
const VERDICT = { drop: 0, accept: 1, jump: -3, return: -5 } as const
const COMPARE = { equal: 0, unequal: 1 } as const
const FIB_DESTINATION = 2
const FIB_ADDRESS_TYPE = 3
const RTN_LOCAL = 2
const NAT_DESTINATION = 1
const LOOKUP_INVERT = 1
const VERDICT_REGISTER = 0

export function meta(key: keyof typeof META, register: number): Attribute {
  return expression('meta', [
    [2, be32(META[key])],
    [1, be32(register)],
  ])
}

export function payload(base: keyof typeof BASE, offset: number, length: number, register: number): Attribute {
  return expression('payload', [
    [1, be32(register)],
    [2, be32(BASE[base])],
    [3, be32(offset)],
    [4, be32(length)],
  ])
}

export function compare(register: number, operation: keyof typeof COMPARE, value: Uint8Array): Attribute {
  return expression('cmp', [
    [1, be32(register)],
    [2, be32(COMPARE[operation])],
    [3, [[1, value]]],
  ])
}

/** Matches when the key in `register` is in a set (or is not); of a map also loads the value into `value`. */
export function lookup(set: string, register: number, options: { value?: number; invert?: boolean } = {}): Attribute {
  const attributes: Attribute[] = [[2, be32(register)]]
  if (options.value !== undefined) attributes.push([3, be32(options.value)])
  attributes.push([1, cstr(set)])
  if (options.invert) attributes.push([5, be32(LOOKUP_INVERT)])
  return expression('lookup', attributes)
}

/** Matches when any of the bits of a connection's state or status is set. */
export function connection(key: keyof typeof CT, bits: number): Attribute[] {
  const load = expression('ct', [
    [2, be32(CT[key])],
    [1, be32(R1)],
  ])
  const mask = expression('bitwise', [
    [1, be32(R1)],
    [2, be32(R1)],
    [3, be32(4)],
    [4, [[1, u32(bits)]]],
    [5, [[1, u32(0)]]],
  ])
  return [load, mask, compare(R1, 'unequal', u32(0))]
}

/** Matches packets to an address of this host. */
export function toLocalAddress(): Attribute[] {
  const load = expression('fib', [
    [3, be32(FIB_DESTINATION)],
    [2, be32(FIB_ADDRESS_TYPE)],
    [1, be32(R1)],
  ])
  return [load, compare(R1, 'equal', u32(RTN_LOCAL))]
}

export function family(name: Exclude<Family, 'inet'>): Attribute[] {
  return [meta('nfproto', R1), compare(R1, 'equal', Uint8Array.of(FAMILY[name]))]
}

export function destinationNat(name: Exclude<Family, 'inet'>, address: number, port: number): Attribute {
  return expression('nat', [
    [1, be32(NAT_DESTINATION)],
    [2, be32(FAMILY[name])],
    [3, be32(address)],
    [5, be32(port)],
  ])
}

export function masquerade(): Attribute {
  return expression('masq', [])
}

export function verdict(code: keyof typeof VERDICT, chain?: string): Attribute {
  const target: Attribute[] = chain === undefined ? [] : [[2, cstr(chain)]]
  return expression('immediate', [
    [1, be32(VERDICT_REGISTER)],
    [2, [[2, [[1, be32(VERDICT[code])], ...target]]]],
  ])
}

function expression(name: string, attributes: readonly Attribute[]): Attribute {
  return [
    1,
    [
      [1, cstr(name)],
      [2, attributes],
    ],
  ]
}
