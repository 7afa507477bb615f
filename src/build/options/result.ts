import type { Platform } from '#oci'

/** What comes out. */
export interface ResultOptions {
  /** `--label`: set on the result, over the Dockerfile's. */
  readonly labels?: Readonly<Record<string, string>>
  /** Platform of the result; default the host's. */
  readonly platform?: Platform
  /** SOURCE_DATE_EPOCH in seconds; a build argument of that name goes before it, the context's git HEAD after it. */
  readonly epoch?: number
}
