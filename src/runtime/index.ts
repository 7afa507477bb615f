export type {
  AttachOptions,
  Attachment,
  Bundle,
  PendingBundle,
  ExecSession,
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
export { tryParseAddress } from './network/address.ts'
export { planNetwork } from './network/defaultnetwork.ts'
export type { NetworkRequest } from './network/defaultnetwork.ts'
export { createNetworkDriver } from './network/driver.ts'
export type { NetworkDriverOptions } from './network/driver.ts'
export { choosePorts } from './network/hostports.ts'
export { allocate } from './network/ipam.ts'
export type { Allocation } from './network/ipam.ts'
export { createNetns } from './network/netns.ts'
export { openUserModeNetwork, USER_MODE } from './network/usermode.ts'
export type { UserModeNetwork, UserModeOptions } from './network/usermode.ts'
export type { Netns } from './network/netns.ts'
export { probeNetwork } from './network/probe.ts'
export type { NetworkProbe } from './network/probe.ts'
export { formatPorts, parsePublish } from './network/publish.ts'
export type { FormatPortsOptions, PortRequest } from './network/publish.ts'
export { buildSpec, capabilitySets } from './spec/build.ts'
export { devicesAt } from './spec/devices.ts'
export type { Device } from './spec/devices.ts'
export { hostFacts } from './spec/host.ts'
export type { HostFacts } from './spec/host.ts'
export type { Rlimit } from './spec/rlimits.ts'
export { parseSecurityOptions } from './spec/security.ts'
export type { Security } from './spec/security.ts'
export type {
  BindOption,
  MountOption,
  NamespaceMode,
  NetworkFilePaths,
  ResourceOptions,
  SpecOptions,
  TmpfsOption,
} from './spec/types.ts'
export { cdiMounts, withCdiDevices } from './cdi/edit.ts'
export { findCdiDevices } from './cdi/find.ts'
export type { CdiDevice } from './cdi/read.ts'
export { anticipateMigration } from './cgroup/anticipate.ts'
export { CONTROLLERS, delegatedControllers, missingControllers } from './cgroup/controllers.ts'
export { cgroupMode, cgroupPath } from './cgroup/mode.ts'
export type { CgroupMode } from './cgroup/mode.ts'
export { whyNotEmulated } from './emulation.ts'
export { StartFailure } from './failure.ts'
export { findInit, findProgram, findRuntime } from './find.ts'
export type { FindOptions } from './find.ts'
export { guarded } from './guard.ts'
export type { GuardedRuntime } from './guard.ts'
export { preflightExec } from './preflight.ts'
export { resolveUser } from './user.ts'
export type { ResolvedUser } from './user.ts'
export { conmon } from './conmon/monitor.ts'
export { readExit } from './conmon/exit.ts'
export { readLog } from './conmon/log.ts'
export type { ReadLogOptions } from './conmon/log.ts'
export type { LogRecord } from './conmon/logline.ts'
export { removeCgroups } from './cgroup/tree.ts'
export { networkFiles, writeNetworkFiles } from './etc.ts'
export type { HostFiles, NetworkFileOptions, NetworkFiles } from './etc.ts'
export { signalNumber } from './signals.ts'
