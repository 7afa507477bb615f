import type { NetworkMode } from '../types.ts'

/** What steps run with. */
export interface StepOptions {
  /** Network of RUN steps that do not say. Default `default`. */
  readonly network?: NetworkMode
  /** Steps at once; default the number of processors, at least 2. */
  readonly parallelism?: number
}
