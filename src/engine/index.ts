export { openNode } from './node.ts'
export { writeWhole } from './transport/writewhole.ts'
export type { LockChange, LockRequest } from './lock/types.ts'
export type { AttestRequest } from './build/attest/types.ts'
export type { CacheDestination, CachePlace } from './build/cache/types.ts'
export { enterUserNamespace } from './open/rootless.ts'
export type { BuildOutput } from './build/outputs/types.ts'
export type { AnnotationPlace, ImageAnnotation } from './pack/types.ts'
export type { BuildQuestions } from './build/call.ts'
export type { BuildRequest } from './build/request.ts'
export type { BuildOutline, BuildTarget, CheckReport, OutlineMount, SourceFile, TargetList } from '#build'
export type { RemoteFiles, SecretSource, SshSource, StepChange, StepReason } from '#build'
export type { BuildDifference, Verification } from './build/verification.ts'
export { anticipateMigration, formatPorts, hostAddresses, parsePublish } from '#runtime'
export { isTerminal } from '#sys'
export type {
  ArchiveSource,
  ArtifactFile,
  ArtifactPulled,
  Artifacts,
  AttachRequest,
  Attached,
  BakeTarget,
  Built,
  CallerIo,
  Change,
  Container,
  ContainerConfig,
  ContainerMount,
  ContainerOptions,
  ContainerState,
  Containers,
  ContainerSize,
  ContainerUsage,
  CommitOptions,
  CopyFilesOptions,
  Copied,
  Chosen,
  CopyRequest,
  CreateIndex,
  DeviceRequest,
  DiscoveredImage,
  DiscoverRequest,
  Drafts,
  EditedIndex,
  EditIndex,
  Ended,
  ExecOptions,
  Exit,
  HistoryRow,
  ImageSummary,
  Images,
  Indexes,
  IndexSources,
  IndexTarget,
  ImportOptions,
  LogOptions,
  LogRecord,
  MountRequest,
  Networks,
  Node,
  NodeOptions,
  PortMapping,
  PortRequest,
  ProcessInfo,
  PruneRequest,
  Pruned,
  PullOptions,
  PullPolicy,
  Pulled,
  PushOptions,
  PutArtifactRequest,
  Pushed,
  Registries,
  CheckRequest,
  ServeRequest,
  RemoveOptions,
  RemovedImage,
  Requirement,
  ResourceOptions,
  Rlimit,
  StartOptions,
  System,
  SystemInfo,
  SystemPruned,
  UsageDetails,
  UsageRow,
  Volume,
  Volumes,
} from './types.ts'
export type {
  CacheEntry,
  CacheMountImport,
  CacheMountVerbs,
  CachePruned,
  CachePruning,
  CacheUsage,
  NamedCacheMount,
} from './cache/types.ts'
