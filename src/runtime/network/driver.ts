import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fail, messageOf } from '#base'
import { isErrno, tryLock, type FileLock } from '#sys'
import { forgetClientsOf, forgetUnanswered } from './conntrack.ts'
import { ensureBridge, readyBridge, removeBridge } from './bridge.ts'
import { allowForwarding, forgetForwarding } from './docker.ts'
import { plug } from './endpoint.ts'
import { checkHostPort } from './hostports.ts'
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink, type NetlinkConnection } from './netlink.ts'
import { withNetns } from './netns.ts'
import type { TableRef } from './nftables.ts'
import {
  checkPublishable,
  elementsOf,
  listPublished,
  publish,
  samePublished,
  unpublish,
  type Published,
} from './published.ts'
import { addNetwork, ensureTable, networkIsLoaded, removeNetwork } from './ruleset.ts'
import type { Endpoint, NetnsRef, NetworkConfig, NetworkDriver } from './types.ts'

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
  'needs Linux 5.11 with nf_tables: try modprobe nf_tables nft_nat nft_masq nft_fib_inet, or run with --network host or none'

/**
 * The driver for bridge networks of the network namespace that the calling thread is in at first
 * use. Its two sockets stay open: closing one after a deletion waits for the kernel to let go of
 * what was deleted, 10 ms in which a server could answer somebody.
 */
export function createNetworkDriver(options: NetworkDriverOptions): NetworkDriver {
  return new BridgeDriver(options)
}

class BridgeDriver implements NetworkDriver {
  readonly #ref: TableRef
  readonly #run: string
  readonly #nameOf: (containerId: string) => string | undefined
  readonly #route = lazily(() => openNetlink(NETLINK_ROUTE))
  readonly #nft = lazily(openNftables)

  constructor({ run, table = 'cairn', nameOf = () => undefined }: NetworkDriverOptions) {
    this.#ref = { family: 'inet', table }
    this.#run = run
    this.#nameOf = nameOf
  }

  ensure(network: NetworkConfig): boolean {
    const [route, nft] = [this.#route(), this.#nft()]
    return locked(this.#run, () => {
      const made = !readyBridge(route, network) || !networkIsLoaded(nft, this.#ref, network)
      if (made) {
        ensureBridge(route, network)
        loadTable(nft, this.#ref, network)
      }
      allowForwarding(nft, network.bridge)
      return made
    })
  }

  connect(netns: NetnsRef, network: NetworkConfig, endpoint: Endpoint): void {
    for (const port of endpoint.ports) checkHostPort(port)
    this.republish(network, endpoint)
    try {
      withNetns(netns, (fd) => plug(this.#route(), fd, network, endpoint))
    } catch (error) {
      this.disconnect(network, endpoint)
      throw error
    }
  }

  republish(network: NetworkConfig, endpoint: Endpoint): void {
    checkPublishable(network, endpoint)
    if (endpoint.ports.length === 0) return
    const wanted = elementsOf(endpoint)
    locked(this.#run, () => publish(this.#nft(), this.#ref, wanted, this.#nameOf))
    forgetUnanswered(this.#nft(), wanted)
  }

  disconnect(_network: NetworkConfig, endpoint: Endpoint): void {
    if (endpoint.ports.length === 0) return
    const mine = elementsOf(endpoint)
    this.#withdraw((present) => present.filter((one) => isOneOf(mine, one)))
  }

  reconcile(live: readonly Endpoint[] | (() => readonly Endpoint[])): number {
    return this.#withdraw((present) => {
      if (present.length === 0) return []
      const wanted = (typeof live === 'function' ? live() : live).flatMap(elementsOf)
      return present.filter((one) => !isOneOf(wanted, one))
    })
  }

  remove(network: NetworkConfig): void {
    locked(this.#run, () => {
      forgetForwarding(this.#nft(), network.bridge)
      removeNetwork(this.#nft(), this.#ref, network)
      removeBridge(this.#route(), network.bridge)
    })
  }

  /** Takes back what is chosen of what is published; how many that were. */
  #withdraw(choose: (present: readonly Published[]) => readonly Published[]): number {
    const gone = locked(this.#run, () => {
      const chosen = choose(listPublished(this.#nft(), this.#ref))
      unpublish(this.#nft(), this.#ref, chosen)
      return chosen
    })
    forgetClientsOf(this.#nft(), gone)
    return gone.length
  }
}

function isOneOf(list: readonly Published[], one: Published): boolean {
  return list.some((other) => samePublished(one, other))
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
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
