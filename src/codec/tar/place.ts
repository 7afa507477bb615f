import { fail } from '#base'
import type { ErrorCode } from '#base'

/** Where in an archive the reader stands, for messages. Mutable: one object serves a whole archive. */
export interface Place {
  /** Offset of the header being read. */
  offset: number
  /** The member's name as far as known. */
  name: string
}

export function failAt(place: Place, code: ErrorCode, what: string): never {
  const name = place.name === '' ? '' : ` in ${JSON.stringify(place.name.slice(0, 200))}`
  return fail(code, `tar: ${what}${name} at byte ${place.offset}`)
}

export function malformed(place: Place, what: string): never {
  return failAt(place, 'invalid_argument', what)
}
