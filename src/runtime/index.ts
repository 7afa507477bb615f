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
