import type { Platform } from '#oci'

/** What comes out. */
export interface ResultOptions {
  /** `--label`: set on the result, over the Dockerfile's. */
  readonly labels?: Readonly<Record<string, string>>
  /** One image for each, all solved as one graph; default the host's alone. */
  readonly platforms?: readonly Platform[]
  /** One layer for everything that the build adds to its base. */
  readonly squash?: boolean
  /** Nobody reads the result: its layers stay in the caches that have them. */
  readonly recordsOnly?: boolean
}
