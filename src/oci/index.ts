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
} from './types.ts'
export { algorithmOf, digestOf, hexOf, isDigest, parseDigest } from './digest.ts'
export { isImageConfig, isIndex, isManifest, layerCompression, MediaType } from './mediatype.ts'
export type { Compression } from './mediatype.ts'
