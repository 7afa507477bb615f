import { utf8 } from '#base'
import { compare, meta, R1, verdict } from './expressions.ts'
import type { Attribute, NetlinkConnection } from './netlink.ts'
import {
  chainPolicy,
  deleteRule,
  listRules,
  nameKey,
  newRule,
  type Family,
  type RuleDefinition,
  type TableRef,
} from './nftables.ts'
import { commit } from './ruleset.ts'

/**
 * Docker sets the policy of FORWARD to drop, for everybody's traffic, and leaves a chain for
 * the administrator's exceptions. Ours go there, as rules that iptables can list. Towards
 * Docker's own bridges Docker's rules keep deciding.
 */
const FAMILIES = ['ip', 'ip6'] as const satisfies readonly Family[]
const CHAIN = 'DOCKER-USER'
const DOCKER_BRIDGES = [nameKey('docker0'), utf8('br-')]

export type ForwardPolicy = 'accept' | 'drop' | 'absent'

/** What iptables-nft's FORWARD does with packets that no rule speaks of. */
export function forwardPolicy(socket: NetlinkConnection, family: 'ip' | 'ip6'): ForwardPolicy {
  return chainPolicy(socket, { family, table: 'filter' }, 'FORWARD') ?? 'absent'
}

export function hasDockerUser(socket: NetlinkConnection, family: 'ip' | 'ip6'): boolean {
  return chainPolicy(socket, { family, table: 'filter' }, CHAIN) !== undefined
}

/** Lets a bridge's traffic through where Docker dropped it; nothing when Docker did not. */
export function allowForwarding(socket: NetlinkConnection, bridge: string): void {
  for (const family of FAMILIES) {
    if (forwardPolicy(socket, family) !== 'drop' || !hasDockerUser(socket, family)) continue
    const ref: TableRef = { family, table: 'filter' }
    if (ourRules(socket, ref, bridge).length > 0) continue
    const messages = exceptions(bridge).map((rule) => newRule(ref, rule, 'first'))
    commit(socket, messages.reverse(), `adding ${bridge} to ${CHAIN}`)
  }
}

export function forgetForwarding(socket: NetlinkConnection, bridge: string): void {
  for (const family of FAMILIES) {
    if (!hasDockerUser(socket, family)) continue
    const ref: TableRef = { family, table: 'filter' }
    const messages = ourRules(socket, ref, bridge).map(({ handle }) => deleteRule(ref, CHAIN, handle))
    if (messages.length > 0) commit(socket, messages, `removing ${bridge} from ${CHAIN}`)
  }
}

function ourRules(socket: NetlinkConnection, ref: TableRef, bridge: string): ReturnType<typeof listRules> {
  return listRules(socket, ref, CHAIN).filter((rule) => rule.comment === commentOf(bridge))
}

function exceptions(bridge: string): RuleDefinition[] {
  const from = [meta('iifname', R1), compare(R1, 'equal', nameKey(bridge))]
  const to = (name: Uint8Array): Attribute[] => [meta('oifname', R1), compare(R1, 'equal', name)]
  const rule = (...expressions: Attribute[]): RuleDefinition => ({
    chain: CHAIN,
    expressions,
    comment: commentOf(bridge),
  })
  return [
    ...DOCKER_BRIDGES.map((name) => rule(...from, ...to(name), verdict('return'))),
    rule(...from, verdict('accept')),
    rule(...to(nameKey(bridge)), verdict('accept')),
  ]
}

function commentOf(bridge: string): string {
  return `cairn ${bridge}`
}
