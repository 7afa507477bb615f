import {
  compare,
  connection,
  destinationNat,
  family,
  lookup,
  masquerade,
  meta,
  payload,
  R1,
  R2,
  slot,
  toLocalAddress,
  verdict,
} from './expressions.ts'
import type { Attribute } from './netlink.ts'
import { nameKey, type ChainDefinition, type RuleDefinition, type SetDefinition } from './nftables.ts'

/**
 * The one table, loaded once per boot. Networks and containers are elements of its sets and
 * maps: adding one never touches a rule. Drawn in docs/model/network.md.
 */

/** Kept as the table's comment: another version's table is replaced, its elements taken over. */
export const RULES_VERSION = 'cairn rules 1'

export const SETS: readonly SetDefinition[] = [
  { name: 'dnat4', key: ['protocol', 'service'], data: ['ipv4', 'service'] },
  { name: 'dnat4ip', key: ['ipv4', 'protocol', 'service'], data: ['ipv4', 'service'] },
  { name: 'dnat6', key: ['protocol', 'service'], data: ['ipv6', 'service'] },
  { name: 'dnat6ip', key: ['ipv6', 'protocol', 'service'], data: ['ipv6', 'service'] },
  { name: 'nets4', key: ['ipv4'], interval: true },
  { name: 'nets6', key: ['ipv6'], interval: true },
  { name: 'bridges', key: ['ifname'] },
  { name: 'same', key: ['ifname', 'ifname'] },
  { name: 'internal', key: ['ifname'] },
]

const PREROUTING = 0
const FORWARD = 2
const OUTPUT = 3
const POSTROUTING = 4
const RAW = -300
const DESTINATION_NAT = -100
const SOURCE_NAT = 100

export const CHAINS: readonly ChainDefinition[] = [
  { name: 'guard', hook: { type: 'filter', number: PREROUTING, priority: RAW } },
  { name: 'publish' },
  { name: 'prerouting', hook: { type: 'nat', number: PREROUTING, priority: DESTINATION_NAT } },
  { name: 'output', hook: { type: 'nat', number: OUTPUT, priority: DESTINATION_NAT } },
  { name: 'postrouting', hook: { type: 'nat', number: POSTROUTING, priority: SOURCE_NAT } },
  { name: 'forward', hook: { type: 'filter', number: FORWARD, priority: 0 } },
]

const IPV4 = { source: 12, destination: 16 }
const IPV6 = { source: 8, destination: 24 }
const PORTS = { destination: 2 }
const ESTABLISHED_OR_RELATED = 6
const DESTINATION_TRANSLATED = 32

type Rule = readonly Attribute[]

/** Each chain's rules in order. */
export function rules(): RuleDefinition[] {
  const toLocal = [...toLocalAddress(), verdict('jump', 'publish')]
  const chains: Record<string, readonly Rule[]> = {
    guard: [guard()],
    publish: publishing(),
    prerouting: [toLocal],
    output: [toLocal],
    postrouting: masquerading(),
    forward: forwarding(),
  }
  return Object.entries(chains).flatMap(([chain, list]) => list.map((expressions) => ({ chain, expressions })))
}

/** With route_localnet on our bridges, 127.0.0.0/8 must not be reachable from any wire. */
function guard(): Rule {
  const fromWire = [meta('iifname', R1), compare(R1, 'unequal', nameKey('lo'))]
  return [...fromWire, ...loopback4(IPV4.destination), verdict('drop')]
}

/** From a host's address and port to a container's. */
function publishing(): Rule[] {
  const service = (at: number): Rule => [
    meta('l4proto', slot(at)),
    payload('transport', PORTS.destination, 2, slot(at + 1)),
  ]
  const to4 = (map: string): Rule => [lookup(map, R1, { value: R1 }), destinationNat('ip', R1, slot(1))]
  const to6 = (map: string): Rule => [lookup(map, R1, { value: R1 }), destinationNat('ip6', R1, R2)]
  const at4 = [...family('ip'), payload('network', IPV4.destination, 4, R1)]
  const at6 = [...family('ip6'), payload('network', IPV6.destination, 16, R1)]
  const loopback6 = new Uint8Array(16)
  loopback6[15] = 1
  return [
    // The kernel never routes ::1 to another interface: let clients be refused at once and turn to 127.0.0.1.
    [...at6, compare(R1, 'equal', loopback6), verdict('return')],
    [...at4, ...service(1), ...to4('dnat4ip')],
    [...service(0), ...to4('dnat4')],
    [...at6, ...service(4), ...to6('dnat6ip')],
    [...service(0), ...to6('dnat6')],
  ]
}

/** Whose packets leave in the host's name. */
function masquerading(): Rule[] {
  const from4 = [...family('ip'), payload('network', IPV4.source, 4, R1), lookup('nets4', R1)]
  const from6 = [...family('ip6'), payload('network', IPV6.source, 16, R1), lookup('nets6', R1)]
  const outwards = [meta('oifname', R1), lookup('bridges', R1, { invert: true })]
  return [
    [...from4, ...outwards, masquerade()],
    [...from6, ...outwards, masquerade()],
    [...toBridge(), ...loopback4(IPV4.source), masquerade()],
    // A container that calls a published port must be answered by way of the host, which translates back.
    [...toBridge(), ...translated(), ...from4, masquerade()],
    [...toBridge(), ...translated(), ...from6, masquerade()],
  ]
}

function forwarding(): Rule[] {
  return [
    [meta('iifname', R1), meta('oifname', R2), lookup('same', R1), verdict('accept')],
    [meta('iifname', R1), lookup('internal', R1), verdict('drop')],
    [meta('oifname', R1), lookup('internal', R1), verdict('drop')],
    [...toBridge(), ...connection('state', ESTABLISHED_OR_RELATED), verdict('accept')],
    [...toBridge(), ...translated(), verdict('accept')],
    [...toBridge(), verdict('drop')],
  ]
}

function toBridge(): Rule {
  return [meta('oifname', R1), lookup('bridges', R1)]
}

function translated(): Rule {
  return connection('status', DESTINATION_TRANSLATED)
}

/** An address in 127.0.0.0/8 at this place of the header. */
function loopback4(offset: number): Rule {
  return [...family('ip'), payload('network', offset, 1, R1), compare(R1, 'equal', Uint8Array.of(127))]
}
