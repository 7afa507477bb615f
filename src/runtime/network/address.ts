import { fail } from '#base'

/** An address in network order: 4 bytes or 16. */
export type Address = Uint8Array

export interface Cidr {
  /** The first address of the range. */
  readonly base: Address
  readonly prefix: number
}

/** IPv4 in dotted decimal or IPv6 (RFC 4291 §2.2, no zone); undefined for anything else. */
export function tryParseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

export function parseAddress(text: string): Address {
  return tryParseAddress(text) ?? fail('invalid_argument', `invalid IP address: ${JSON.stringify(text)}`)
}

/** The canonical text (RFC 5952 for IPv6). */
export function formatAddress(address: Address): string {
  return address.length === 4 ? address.join('.') : formatIpv6(address)
}

export function parseCidr(text: string): Cidr {
  const [host = '', length = '', ...rest] = text.split('/')
  const address = tryParseAddress(host)
  const prefix = digits(length) ?? -1
  if (!address || rest.length > 0 || prefix < 0 || prefix > address.length * 8) {
    return fail('invalid_argument', `invalid subnet: ${JSON.stringify(text)}`, {
      hint: 'write it as ADDRESS/PREFIX, for example 10.88.0.0/16 or fd00:88::/64',
    })
  }
  return { base: masked(address, prefix), prefix }
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.base)}/${cidr.prefix}`
}

export function contains(cidr: Cidr, address: Address): boolean {
  return address.length === cidr.base.length && equal(masked(address, cidr.prefix), cidr.base)
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.prefix <= b.prefix ? contains(a, b.base) : contains(b, a.base)
}

/** The last address of the range: the broadcast address of an IPv4 subnet. */
export function lastAddress({ base, prefix }: Cidr): Address {
  return base.map((byte, at) => byte | (0xff >> clamp(prefix - at * 8)))
}

/** The address `offset` places after the base. */
export function addressAt(cidr: Cidr, offset: bigint): Address {
  return fromInteger(toInteger(cidr.base) + offset, cidr.base.length)
}

/** The address after this one; undefined after the last of its family. */
export function following(address: Address): Address | undefined {
  const next = toInteger(address) + 1n
  return next >> BigInt(address.length * 8) ? undefined : fromInteger(next, address.length)
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}

function toInteger(address: Address): bigint {
  return address.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

function fromInteger(value: bigint, length: number): Address {
  return Uint8Array.from({ length }, (_, at) => Number((value >> BigInt(8 * (length - 1 - at))) & 0xffn))
}

function masked(address: Address, prefix: number): Address {
  return address.map((byte, at) => byte & ~(0xff >> clamp(prefix - at * 8)))
}

function clamp(bits: number): number {
  return Math.max(0, Math.min(8, bits))
}

/** Digit by digit: the first regular expression of a process, and the first `Uint8Array.from`, cost 50 to 150 µs each. */
function parseIpv4(text: string): Address | undefined {
  const address = new Uint8Array(4)
  const parts = text.split('.')
  if (parts.length !== 4) return
  for (const [at, part] of parts.entries()) {
    const value = digits(part)
    // No leading zeros: some programs read them as octal.
    if (value === undefined || value > 255 || (part.length > 1 && part.startsWith('0'))) return
    address[at] = value
  }
  return address
}

/** Up to three decimal digits. */
function digits(text: string): number | undefined {
  if (text.length < 1 || text.length > 3) return
  let value = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return
    value = value * 10 + digit
  }
  return value
}

function parseIpv6(text: string): Address | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return
  const head = groups(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : []
  if (!head || !tail) return
  const zeros = 16 - head.length - tail.length
  // `::` stands for at least one group.
  if (halves.length === 2 ? zeros < 2 : zeros !== 0) return
  const address = new Uint8Array(16)
  address.set(head)
  address.set(tail, 16 - tail.length)
  return address
}

function groups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const bytes: number[] = []
  for (const [at, part] of parts.entries()) {
    const value = hexadecimal(part)
    if (value !== undefined) {
      bytes.push(value >> 8, value & 255)
      continue
    }
    const embedded = mayEndInIpv4 && at === parts.length - 1 ? parseIpv4(part) : undefined
    if (!embedded) return
    bytes.push(...embedded)
  }
  return bytes
}

/** Up to four hexadecimal digits. */
function hexadecimal(text: string): number | undefined {
  if (text.length < 1 || text.length > 4) return
  let value = 0
  for (let at = 0; at < text.length; at++) {
    const digit = '0123456789abcdef'.indexOf(text.charAt(at).toLowerCase())
    if (digit < 0) return
    value = value * 16 + digit
  }
  return value
}

function formatIpv6(address: Address): string {
  const words = Array.from({ length: 8 }, (_, at) => ((address[at * 2] ?? 0) << 8) | (address[at * 2 + 1] ?? 0))
  let [start, length] = [-1, 1]
  for (let at = 0; at < 8; at++) {
    let run = 0
    while (at + run < 8 && words[at + run] === 0) run++
    if (run > length) [start, length] = [at, run]
  }
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':')
  return start < 0 ? hex(words) : `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`
}
