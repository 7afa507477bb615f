import { fail } from '#base'
import { Resource } from '#sys'

/** A limit on one resource; `Infinity` (or -1 in a request) is no limit. */
export interface Rlimit {
  /** `nofile`, `RLIMIT_NOFILE`, … */
  readonly name: string
  readonly soft: number
  readonly hard: number
}

/** What this process may give: hard limits it cannot raise. */
export type HardLimits = (resource: number) => number

/** Programs that close every descriptor up to the limit, or use select(2), expect this one. */
const SOFT_NOFILE = 1024

/**
 * runtime-spec `process.rlimits`. The soft limit of open files is always set: this process
 * raised its own, and a container must not inherit that.
 */
export function rlimitsOf(
  requested: readonly Rlimit[],
  hardLimit: HardLimits,
): { type: string; hard: number; soft: number }[] {
  const limits = requested.map((limit) => {
    const resource = limit.name.toUpperCase().replace(/^RLIMIT_/, '') as keyof typeof Resource
    const number = Resource[resource] ?? fail('invalid_argument', `unknown ulimit: "${limit.name}"`)
    const asked = { soft: unlimited(limit.soft), hard: unlimited(limit.hard) }
    if (asked.soft > asked.hard) {
      fail('invalid_argument', `ulimit ${limit.name}: soft limit ${limit.soft} is above hard limit ${limit.hard}`)
    }
    const hard = Math.min(asked.hard, hardLimit(number))
    return { type: `RLIMIT_${resource}`, hard: raw(hard), soft: raw(Math.min(asked.soft, hard)) }
  })
  if (limits.some((limit) => limit.type === 'RLIMIT_NOFILE')) return limits
  const hard = hardLimit(Resource.NOFILE)
  return [...limits, { type: 'RLIMIT_NOFILE', hard: raw(hard), soft: raw(Math.min(SOFT_NOFILE, hard)) }]
}

function unlimited(value: number): number {
  return value < 0 ? Infinity : value
}

/** 2^64 − 1 has no double; its neighbour stands for it until the bundle is written. */
export const RLIM_INFINITY: number = 2 ** 64

function raw(value: number): number {
  return value === Infinity ? RLIM_INFINITY : value
}
