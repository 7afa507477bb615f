import type { SourceLocation } from './errors.ts'

/**
 * Progress is data: four kinds of record, any number of renderers.
 * A vertex is a step with a beginning and an end; the rest hang from a vertex by its id.
 */
export type Progress = VertexProgress | StatusProgress | LogProgress | WarningProgress

/** A step was announced, started or ended. Later records of one id replace earlier ones. */
export interface VertexProgress {
  readonly kind: 'vertex'
  readonly id: string
  readonly name: string
  /** Ids of the steps that this one waits for. */
  readonly inputs?: readonly string[]
  /** Milliseconds since the epoch. */
  readonly started?: number
  readonly completed?: number
  readonly cached?: boolean
  readonly error?: string
}

/** How far one piece of work inside a vertex has come. */
export interface StatusProgress {
  readonly kind: 'status'
  readonly id: string
  readonly vertex?: string
  readonly name: string
  readonly current: number
  readonly total?: number
  readonly unit: 'bytes' | 'items'
  readonly done?: boolean
  /** How it came to be done, where nothing was moved: `Already exists`. */
  readonly note?: string
}

/** Bytes that a step's process wrote. */
export interface LogProgress {
  readonly kind: 'log'
  readonly vertex: string
  readonly stream: 'stdout' | 'stderr'
  readonly data: Uint8Array
}

/** Something the user should know of that stops nothing. */
export interface WarningProgress {
  readonly kind: 'warning'
  readonly vertex?: string
  readonly message: string
  readonly location?: SourceLocation
  /** The check that found it. */
  readonly rule?: { readonly name: string; readonly description: string; readonly url?: string }
}
