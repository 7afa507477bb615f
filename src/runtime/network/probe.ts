import { existsSync, readFileSync } from 'node:fs'
import { messageOf } from '#base'
import { inNetns } from '#sys'
import { forwardPolicy, hasDockerUser, type ForwardPolicy } from './docker.ts'
import { hostHasIpv6 } from './defaultnetwork.ts'
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink, refuse, type NetlinkConnection } from './netlink.ts'
import { createNetns } from './netns.ts'
import { findLink, newBridge, newVeth } from './rtnetlink.ts'
import { ensureTable } from './ruleset.ts'
import { forwardsIpv4 } from './sysctl.ts'

const LEGACY_TABLES = '/proc/net/ip_tables_names'

/** What bridge networks need of this host; each `…Error` says what the kernel answered. */
export interface NetworkProbe {
  /** Bridges, veth pairs and network namespaces. */
  readonly links: boolean
  readonly linksError?: string
  /** The whole table was loaded, in a namespace of its own that is gone again. */
  readonly nftables: boolean
  readonly nftablesError?: string
  /** The host has an IPv6 address, so new networks get IPv6. */
  readonly ipv6: boolean
  /** net.ipv4.ip_forward; switched on with the first network. */
  readonly forwarding: boolean
  /** What iptables-nft's FORWARD chain does with packets that no rule names. */
  readonly forwardPolicy: ForwardPolicy
  /** Docker's chain for exceptions, which is used when that policy is `drop`. */
  readonly dockerUser: boolean
  /** iptables-legacy rules are loaded: they are not looked at, and may drop forwarded packets. */
  readonly legacyIptables: boolean
}

/** Asks the kernel by doing, in a throw-away namespace; changes nothing. A few milliseconds; needs root. */
export function probeNetwork(): NetworkProbe {
  const firewall = probeFirewall()
  return {
    ...attempt('links', (route) => {
      const netns = createNetns()
      try {
        const mac = Uint8Array.of(2, 66, 0, 0, 0, 1)
        for (const answer of route.transact([newBridge('probe0', { mac })])) refuse(answer, 'bridge')
        const bridgeIndex = findLink(route, 'probe0')?.index ?? 0
        const peer = { name: 'eth0', mac, netnsFd: netns.fd }
        for (const answer of route.transact([newVeth({ name: 'probe1', bridgeIndex, alias: 'probe', peer })])) {
          refuse(answer, 'veth')
        }
      } finally {
        netns[Symbol.dispose]()
      }
    }),
    ...attempt('nftables', () => {
      using nft = openNetlink(NETLINK_NETFILTER)
      ensureTable(nft, { family: 'inet', table: 'cairn' })
    }),
    ipv6: hostHasIpv6(),
    forwarding: forwardsIpv4(),
    ...firewall,
    legacyIptables: existsSync(LEGACY_TABLES) && readFileSync(LEGACY_TABLES, 'utf8').trim() !== '',
  }
}

function probeFirewall(): Pick<NetworkProbe, 'forwardPolicy' | 'dockerUser'> {
  try {
    using nft = openNetlink(NETLINK_NETFILTER)
    return { forwardPolicy: forwardPolicy(nft, 'ip'), dockerUser: hasDockerUser(nft, 'ip') }
  } catch {
    return { forwardPolicy: 'absent', dockerUser: false }
  }
}

type Attempt<Name extends string> = Record<Name, boolean> & Partial<Record<`${Name}Error`, string>>

function attempt<Name extends 'links' | 'nftables'>(
  name: Name,
  work: (route: NetlinkConnection) => void,
): Attempt<Name> {
  try {
    using netns = createNetns()
    inNetns(netns.fd, () => {
      using route = openNetlink(NETLINK_ROUTE)
      work(route)
    })
    return { [name]: true } as Attempt<Name>
  } catch (error) {
    return { [name]: false, [`${name}Error`]: messageOf(error) } as Attempt<Name>
  }
}
