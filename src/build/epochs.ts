import { fail } from '#base'
import type { BuildOptions } from './types.ts'

/** The two times of a build, in seconds: decision 005. */
export interface Epochs {
  /** What somebody asked for: part of the keys. */
  readonly explicit: number | undefined
  /** The time of config and history. */
  readonly created: number
}

/** `head`: when the commit was made that the context is at. */
export function epochs(options: BuildOptions, head: number | undefined): Epochs {
  const text = options.buildArgs?.['SOURCE_DATE_EPOCH']
  const isContext = text === 'context'
  const explicit = text === undefined || text === '' || isContext ? options.epoch : Number(text)
  if (explicit !== undefined && !(Number.isSafeInteger(explicit) && explicit >= 0 && explicit < 253402300800))
    fail('invalid_argument', `SOURCE_DATE_EPOCH must be seconds since 1970, not ${JSON.stringify(text ?? explicit)}`)
  if (explicit !== undefined && !isContext) return { explicit, created: explicit }
  return { explicit: isContext ? (head ?? 0) : undefined, created: head ?? 0 }
}
