export type {
  AttachOptions,
  Attachment,
  Bundle,
  Exit,
  LinuxSpec,
  Monitor,
  MonitorOptions,
  ProcessSpec,
  ResourceSpec,
  Runtime,
  RuntimeSpec,
  RuntimeState,
  SpecMount,
  Stdio,
  Stream,
} from './types.ts'
export type { Endpoint, NetnsRef, NetworkConfig, NetworkDriver, PortMapping, Subnet } from './network/types.ts'
export { formatAddress, parseAddress, parseCidr, tryParseAddress } from './network/address.ts'
export { chooseIpv4, hostHasIpv6, planNetwork, randomUla } from './network/defaultnetwork.ts'
export type { NetworkRequest } from './network/defaultnetwork.ts'
export { createNetworkDriver } from './network/driver.ts'
export type { NetworkDriverOptions } from './network/driver.ts'
export { choosePorts } from './network/hostports.ts'
export { allocate } from './network/ipam.ts'
export type { Allocation } from './network/ipam.ts'
export { createNetns } from './network/netns.ts'
export type { Netns } from './network/netns.ts'
export { probeNetwork } from './network/probe.ts'
export type { NetworkProbe } from './network/probe.ts'
export { formatHostPort, formatPorts, parsePublish, portsConflict } from './network/publish.ts'
export type { FormatPortsOptions, PortRequest } from './network/publish.ts'
