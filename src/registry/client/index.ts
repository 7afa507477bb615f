export type {
  Credential,
  CredentialSource,
  Endpoint,
  ProgramResult,
  RegistryHost,
  RegistryRequest,
  RemoteDocument,
  Repository,
  Transport,
} from './types.ts'
export { withAuth } from './auth/authorize.ts'
export type { AuthOptions } from './auth/authorize.ts'
export { parseChallenges } from './auth/challenge.ts'
export type { Challenge } from './auth/challenge.ts'
export { authFilePaths, dockerConfigPath, hostCredentials } from './auth/credentials.ts'
export { login, logout, logoutAll } from './auth/login.ts'
export type { LoginOptions, StoredLogin } from './auth/login.ts'
export { openRegistryClient, openRepository } from './client.ts'
export type { ClientOptions, RegistryClient } from './client.ts'
export { readCertificates } from './config/certs.ts'
export type { Certificates } from './config/certs.ts'
export { parseDaemonJson } from './config/daemonjson.ts'
export type { DaemonMirror, DaemonRegistries } from './config/daemonjson.ts'
export {
  NO_CONFIG,
  readRegistriesConfig,
  registryEndpoint,
  resolveEndpoints,
  searchCandidates,
} from './config/endpoints.ts'
export type { RegistriesConfig } from './config/endpoints.ts'
export { mergeRegistriesConf, parseRegistriesConf } from './config/registriesconf.ts'
export type { MirrorRule, RegistriesConf, RegistryRule } from './config/registriesconf.ts'
export { attach, discover, putArtifact } from './copy/attach.ts'
export type { Artifact, AttachedFile, Attachment, DiscoverCall, Discovered } from './copy/attach.ts'
export { copyAllTags, copyImage, copyReferrers } from './copy/copyimage.ts'
export type { CopiedImage, CopyImageOptions } from './copy/copyimage.ts'
export { fetchBlob } from './copy/fetchblob.ts'
export { somePlatforms } from './copy/platforms.ts'
export type { RegistryOptions } from './registry.ts'
export { fallbackTag } from './repository/referrers.ts'
export { fetchTransport } from './transport/fetch.ts'
export type { FetchOptions } from './transport/fetch.ts'
export { redactUrl } from './transport/redact.ts'
export { withRedirects } from './transport/redirect.ts'
export type { RedirectOptions } from './transport/redirect.ts'
export { withRetry } from './transport/retry.ts'
export type { RetryOptions } from './transport/retry.ts'
