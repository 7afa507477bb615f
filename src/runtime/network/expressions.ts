import { FAMILY, type Family } from './nftables.ts'
import { be32, cstr, u32, type Attribute } from './netlink.ts'

/** The words of an nf_tables rule. Each loads into registers or compares them; a mismatch ends the rule. */

/** Sixteen bytes each. */
export const R1 = 1
export const R2 = 2
/** The four-byte view: slots 0 to 3 are R1, 4 to 7 are R2 … */
export const slot = (number: number): number => 8 + number

/** Attribute numbers, by expression. */
const A = {
  expression: { name: 1, data: 2 },
  meta: { register: 1, key: 2 },
  ct: { register: 1, key: 2 },
  payload: { register: 1, base: 2, offset: 3, bytes: 4 },
  cmp: { register: 1, operation: 2, value: 3 },
  lookup: { set: 1, register: 2, value: 3, flags: 5 },
  bitwise: { from: 1, to: 2, bytes: 3, mask: 4, xor: 5 },
  fib: { register: 1, result: 2, flags: 3 },
  nat: { type: 1, family: 2, address: 3, port: 5 },
  immediate: { register: 1, data: 2 },
  data: { value: 1, verdict: 2 },
  verdict: { code: 1, chain: 2 },
  listMember: 1,
} as const
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
    [A.meta.key, be32(META[key])],
    [A.meta.register, be32(register)],
  ])
}

export function payload(base: keyof typeof BASE, offset: number, length: number, register: number): Attribute {
  return expression('payload', [
    [A.payload.register, be32(register)],
    [A.payload.base, be32(BASE[base])],
    [A.payload.offset, be32(offset)],
    [A.payload.bytes, be32(length)],
  ])
}

export function compare(register: number, operation: keyof typeof COMPARE, value: Uint8Array): Attribute {
  return expression('cmp', [
    [A.cmp.register, be32(register)],
    [A.cmp.operation, be32(COMPARE[operation])],
    [A.cmp.value, [[A.data.value, value]]],
  ])
}

/** Matches when the key in `register` is in a set (or is not); of a map also loads the value into `value`. */
export function lookup(set: string, register: number, options: { value?: number; invert?: boolean } = {}): Attribute {
  const attributes: Attribute[] = [[A.lookup.register, be32(register)]]
  if (options.value !== undefined) attributes.push([A.lookup.value, be32(options.value)])
  attributes.push([A.lookup.set, cstr(set)])
  if (options.invert) attributes.push([A.lookup.flags, be32(LOOKUP_INVERT)])
  return expression('lookup', attributes)
}

/** Matches when any of the bits of a connection's state or status is set. */
export function connection(key: keyof typeof CT, bits: number): Attribute[] {
  const load = expression('ct', [
    [A.ct.key, be32(CT[key])],
    [A.ct.register, be32(R1)],
  ])
  const mask = expression('bitwise', [
    [A.bitwise.from, be32(R1)],
    [A.bitwise.to, be32(R1)],
    [A.bitwise.bytes, be32(4)],
    [A.bitwise.mask, [[A.data.value, u32(bits)]]],
    [A.bitwise.xor, [[A.data.value, u32(0)]]],
  ])
  return [load, mask, compare(R1, 'unequal', u32(0))]
}

/** Matches packets to an address of this host. */
export function toLocalAddress(): Attribute[] {
  const load = expression('fib', [
    [A.fib.flags, be32(FIB_DESTINATION)],
    [A.fib.result, be32(FIB_ADDRESS_TYPE)],
    [A.fib.register, be32(R1)],
  ])
  return [load, compare(R1, 'equal', u32(RTN_LOCAL))]
}

export function family(name: Exclude<Family, 'inet'>): Attribute[] {
  return [meta('nfproto', R1), compare(R1, 'equal', Uint8Array.of(FAMILY[name]))]
}

export function destinationNat(name: Exclude<Family, 'inet'>, address: number, port: number): Attribute {
  return expression('nat', [
    [A.nat.type, be32(NAT_DESTINATION)],
    [A.nat.family, be32(FAMILY[name])],
    [A.nat.address, be32(address)],
    [A.nat.port, be32(port)],
  ])
}

export function masquerade(): Attribute {
  return expression('masq', [])
}

export function verdict(code: keyof typeof VERDICT, chain?: string): Attribute {
  const target: Attribute[] = chain === undefined ? [] : [[A.verdict.chain, cstr(chain)]]
  return expression('immediate', [
    [A.immediate.register, be32(VERDICT_REGISTER)],
    [A.immediate.data, [[A.data.verdict, [[A.verdict.code, be32(VERDICT[code])], ...target]]]],
  ])
}

function expression(name: string, attributes: readonly Attribute[]): Attribute {
  return [
    A.listMember,
    [
      [A.expression.name, cstr(name)],
      [A.expression.data, attributes],
    ],
  ]
}
