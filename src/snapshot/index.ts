export { differ } from './differ/differ.ts'
export { probeFormat } from './layers/probe.ts'
export { openLayerStore } from './layers/store.ts'
export { layersThere } from './layers/there.ts'
export type { DiskLayers, LayerPlace } from './layers/types.ts'
export { createSnapshotter } from './snapshotter.ts'
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
