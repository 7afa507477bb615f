import { fail } from '#base'
import type { Rlimit } from '#engine'

/** `--ulimit name=soft[:hard]`. */
export function parseUlimit(text: string): Rlimit {
  const [, name, soft, hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? []
  if (name === undefined)
    fail('invalid_argument', `invalid ulimit argument: ${text}`, { hint: 'name=soft[:hard] is meant' })
  const limit = { name, soft: Number(soft), hard: Number(hard) }
  if (limit.hard >= 0 && limit.soft > limit.hard)
    fail(
      'invalid_argument',
      `ulimit soft limit must be less than or equal to hard limit: ${limit.soft} > ${limit.hard}`,
    )
  return limit
}
