export type { CacheDep, CacheMap, CacheStorage, Op, Vertex } from './types.ts'
