export type {
  Descriptor,
  Digest,
  Healthcheck,
  History,
  ImageConfig,
  ImageIndex,
  Manifest,
  Platform,
  ProcessConfig,
  Reference,
} from './types.ts'
export { Annotation } from './annotation.ts'
export { chainId, chainIds } from './chain.ts'
export { parseImageConfig, platformOf } from './config.ts'
export { imagePackageUrl } from './packageurl.ts'
export { algorithmOf, digestOf, hexOf, isDigest, parseDigest } from './digest.ts'
export { describe, encodeDocument } from './document.ts'
export type { EncodedDocument } from './document.ts'
export { asArray, asObject, asString, asStrings, DOCUMENT_LIMIT, parseJson, parseObject } from './json.ts'
export type { JsonObject } from './json.ts'
export { asDescriptor, parseIndex, parseManifest, sniffMediaType, successors } from './manifest.ts'
export { isImageConfig, isIndex, isManifest, layerCompression, MediaType } from './mediatype.ts'
export type { Compression } from './mediatype.ts'
export {
  chooseManifest,
  formatPlatform,
  hostPlatform,
  isAttestation,
  matchPlatform,
  normalizePlatform,
  parsePlatform,
} from './platform.ts'
export {
  familiarName,
  familiarRepository,
  formatReference,
  isTag,
  parseReference,
  withDefaultTag,
} from './reference.ts'
export { referrerOf } from './referrer.ts'
export type { Referrer } from './referrer.ts'
