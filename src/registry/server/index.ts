export { resolveConfig } from './config.ts'
export type {
  AuthConfig,
  GcConfig,
  LimitsConfig,
  RegistryConfig,
  ResolvedConfig,
  RetentionConfig,
  Rule,
  UpstreamConfig,
  WebhookConfig,
} from './configtypes.ts'
export { describeManifest } from './http/manifests.ts'
export { openRepositories } from './repositories.ts'
export type { ManifestRecord, Page, Repositories, Tagged } from './repositories.ts'
export { collectOnce, serveRegistry } from './serve.ts'
export type { KeptRegistry } from './service.ts'
export type { Collected, RunningRegistry, ServeRegistryOptions } from './serve.ts'
export { openDirectoryStorage, registryRoots } from './storage/directory.ts'
export type { DirectoryStorageOptions } from './storage/directory.ts'
export { openS3Storage } from './storage/s3/storage.ts'
export type { S3StorageOptions } from './storage/s3/storage.ts'
export { openS3Target } from './storage/s3/target.ts'
export type { S3TargetOptions } from './storage/s3/target.ts'
export type {
  BlobBody,
  BlobInfo,
  BlobStorage,
  BlobUpload,
  ByteRange,
  RecordCondition,
  RecordPage,
  RecordStorage,
  RegistryStorage,
  StoredRecord,
} from './types.ts'
export { checkRegistry } from './check/run.ts'
export type { CheckOptions, CheckReport, CheckResult } from './check/types.ts'
export { openStorage } from './storage/open.ts'
export type { StorageConfig } from './storage/open.ts'
