export type {
  BuildHost,
  BuildNetwork,
  BuildOptions,
  BuildResult,
  CacheDep,
  CacheMap,
  CacheStorage,
  NetworkMode,
  Op,
  Vertex,
} from './types.ts'
