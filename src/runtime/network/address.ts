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
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : -1
  if (!address || rest.length > 0 || prefix < 0 || prefix > address.length * 8) {
    return fail('invalid_argument', `invalid subnet: ${JSON.stringify(text)}`, {
      hint: 'Write it as ADDRESS/PREFIX, for example 10.88.0.0/16 or fd00:88::/64.',
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

function parseIpv4(text: string): Address | undefined {
  // No leading zeros: some programs read them as octal.
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return
  return Uint8Array.from(parts, Number)
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
  return Uint8Array.from([...head, ...new Uint8Array(zeros), ...tail])
}

function groups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const bytes: number[] = []
  for (const [at, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      const value = Number.parseInt(part, 16)
      bytes.push(value >> 8, value & 255)
      continue
    }
    const embedded = mayEndInIpv4 && at === parts.length - 1 ? parseIpv4(part) : undefined
    if (!embedded) return
    bytes.push(...embedded)
  }
  return bytes
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
