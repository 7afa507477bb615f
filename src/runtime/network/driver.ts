import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fail, messageOf } from '#base'
import { isErrno, tryLock, type FileLock } from '#sys'
import { ensureBridge, readyBridge, removeBridge } from './bridge.ts'
import { allowForwarding, forgetForwarding } from './docker.ts'
import { plug } from './endpoint.ts'
import { checkHostPort } from './hostports.ts'
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink, type NetlinkConnection } from './netlink.ts'
import { withNetns } from './netns.ts'
import type { TableRef } from './nftables.ts'
import { checkPublishable, elementsOf, listPublished, publish, samePublished, unpublish } from './published.ts'
import { addNetwork, ensureTable, networkIsLoaded, removeNetwork } from './ruleset.ts'
import type { Endpoint, NetworkConfig, NetworkDriver } from './types.ts'

export interface NetworkDriverOptions {
  /** Where the lock is kept that orders this driver's processes. */
  readonly run: string
  /** The nft table, in family inet: one for each store root on a host. Default `cairn`. */
  readonly table?: string
  /** What users call a container, for the message about a port that it holds. */
  readonly nameOf?: (containerId: string) => string | undefined
}

const LOCK_TRIES = 10_000
const KERNEL_HINT =
  'Needs Linux 5.11 with nf_tables: try modprobe nf_tables nft_nat nft_masq nft_fib_inet, or run with --network host or none.'

/** The driver for bridge networks of the network namespace that the calling thread is in. */
export function createNetworkDriver(options: NetworkDriverOptions): NetworkDriver {
  const ref: TableRef = { family: 'inet', table: options.table ?? 'cairn' }
  const { run, nameOf = () => undefined } = options
  const ensure = (network: NetworkConfig): void =>
    locked(run, () => {
      using route = openNetlink(NETLINK_ROUTE)
      using nft = openNftables()
      if (!readyBridge(route, network) || !networkIsLoaded(nft, ref, network)) {
        ensureBridge(route, network)
        loadTable(nft, ref, network)
      }
      allowForwarding(nft, network.bridge)
    })
  const withdraw = (endpoint: Endpoint): void =>
    locked(run, () => {
      using nft = openNftables()
      const wanted = elementsOf(endpoint)
      const present = listPublished(nft, ref)
      unpublish(
        nft,
        ref,
        present.filter((one) => wanted.some((other) => samePublished(one, other))),
      )
    })
  const republish = (network: NetworkConfig, endpoint: Endpoint): void => {
    checkPublishable(network, endpoint)
    if (endpoint.ports.length === 0) return
    locked(run, () => {
      using nft = openNftables()
      publish(nft, ref, elementsOf(endpoint), nameOf)
    })
  }
  return {
    ensure,
    republish,
    connect(netns, network, endpoint) {
      for (const port of endpoint.ports) checkHostPort(port)
      republish(network, endpoint)
      try {
        using route = openNetlink(NETLINK_ROUTE)
        withNetns(netns, (fd) => plug(route, fd, network, endpoint))
      } catch (error) {
        withdraw(endpoint)
        throw error
      }
    },
    disconnect(_network, endpoint) {
      if (endpoint.ports.length > 0) withdraw(endpoint)
    },
    reconcile(live) {
      return locked(run, () => {
        using nft = openNftables()
        const present = listPublished(nft, ref)
        if (present.length === 0) return 0
        const wanted = (typeof live === 'function' ? live() : live).flatMap(elementsOf)
        const stale = present.filter((one) => !wanted.some((other) => samePublished(one, other)))
        unpublish(nft, ref, stale)
        return stale.length
      })
    },
    remove(network) {
      locked(run, () => {
        using nft = openNftables()
        forgetForwarding(nft, network.bridge)
        removeNetwork(nft, ref, network)
        using route = openNetlink(NETLINK_ROUTE)
        removeBridge(route, network.bridge)
      })
    },
  }
}

/** Loads the table and the network into it. Errors: `failed_precondition` when the kernel lacks a part of nf_tables. */
function loadTable(nft: NetlinkConnection, ref: TableRef, network: NetworkConfig): void {
  try {
    ensureTable(nft, ref)
  } catch (cause) {
    if (isErrno(cause, 'EPERM', 'EACCES')) throw cause
    fail('failed_precondition', `this kernel cannot load the network's nf_tables rules: ${messageOf(cause)}`, {
      hint: KERNEL_HINT,
      cause,
    })
  }
  addNetwork(nft, ref, network)
}

function openNftables(): NetlinkConnection {
  try {
    return openNetlink(NETLINK_NETFILTER)
  } catch (cause) {
    if (!isErrno(cause, 'EPROTONOSUPPORT')) throw cause
    return fail('failed_precondition', 'this kernel has no nfnetlink', { hint: KERNEL_HINT, cause })
  }
}

/** Holds the lock for as long as `work` takes, which is a few milliseconds: waiting blocks the thread. */
function locked<T>(run: string, work: () => T): T {
  using _ = takeLock(join(run, 'network.lock'), run)
  return work()
}

function takeLock(path: string, dir: string): FileLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    const lock = tryLock(path)
    if (lock) return lock
    Bun.sleepSync(1)
  }
  return fail('unavailable', `another process has held ${path} for more than 10 s`)
}
