/**
 * A container's network: a veth pair into a bridge, addresses, and elements in one nft table
 * that was loaded once. Everything here is done in-process over netlink; the veth dies with the
 * network namespace, the nft elements are removed by `disconnect` or, after a crash, by `reconcile`.
 */
export interface NetworkDriver {
  /** Makes the bridge, its addresses, forwarding and the nft table's entries for it. Idempotent and cheap when they are there. True when something had to be made: ports published before are to be {@link republish}ed. */
  ensure(network: NetworkConfig): boolean
  /** Connects the namespace behind `netns` (a path or an open descriptor) and publishes ports. Undoes itself on failure. */
  connect(netns: NetnsRef, network: NetworkConfig, endpoint: Endpoint): void
  /** Unpublishes. Safe to repeat. */
  disconnect(network: NetworkConfig, endpoint: Endpoint): void
  /** Puts back an endpoint's ports after somebody flushed the firewall; `ensure` the network first. Nothing when they are there. */
  republish(network: NetworkConfig, endpoint: Endpoint): void
  /**
   * Removes the nft elements of every endpoint that is not in `live`; answers how many. A
   * function is called after the table was read: when endpoints are recorded before they are
   * connected, no container that is just starting can lose its ports.
   */
  reconcile(live: readonly Endpoint[] | (() => readonly Endpoint[])): number
  /** Removes a bridge and what belongs to it. */
  remove(network: NetworkConfig): void
}

export type NetnsRef = { readonly fd: number } | { readonly path: string }

/** A network as the node remembers it. */
export interface NetworkConfig {
  readonly id: string
  readonly name: string
  /** Interface name: at most 15 bytes. */
  readonly bridge: string
  readonly subnets: readonly Subnet[]
  /** No route to the outside. */
  readonly internal?: boolean
  readonly mtu?: number
}

export interface Subnet {
  /** CIDR, for example `10.88.0.0/16` or `fd00:88::/64`. */
  readonly subnet: string
  readonly gateway: string
}

/** One container's place in one network. */
export interface Endpoint {
  readonly containerId: string
  readonly ipv4?: string
  readonly ipv6?: string
  readonly mac?: string
  /** Interface inside the container, `eth0` for the first. */
  readonly interfaceName: string
  readonly ports: readonly PortMapping[]
}

export interface PortMapping {
  /** Empty for every address. */
  readonly hostIp: string
  /** 0 in a request asks for a free one; never 0 in an endpoint. */
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: 'tcp' | 'udp' | 'sctp'
}
