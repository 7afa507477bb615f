export type {
  CompareOptions,
  Differ,
  LayerFormat,
  LayerInfo,
  LayerStore,
  PrepareOptions,
  RootFs,
  Snapshotter,
  Usage,
} from './types.ts'
