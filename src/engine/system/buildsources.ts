import type { Requirement } from '../types.ts'

/** Programs that builds hand work to, what for, and the packages that have them. */
const PROGRAMS = [
  ['git', 'ADD and contexts from repositories', 'git'],
  ['xz', 'archives compressed with xz', 'xz-utils'],
  ['bzip2', 'archives compressed with bzip2', 'bzip2'],
] as const

/** What a build of this machine can fetch and unpack. */
export function buildSources(): Requirement {
  const name = 'build sources'
  const missing = PROGRAMS.filter(([program]) => Bun.which(program) === null)
  if (missing.length === 0) return { name, state: 'ok', found: PROGRAMS.map(([program]) => program).join(', ') }
  return {
    name,
    state: 'degraded',
    found: `no ${missing.map(([program]) => program).join(', ')}`,
    cost: missing.map(([, what]) => what).join('; '),
    cure: `apt-get install ${missing.map(([, , pkg]) => pkg).join(' ')}`,
  }
}
