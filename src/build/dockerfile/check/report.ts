import type { Call } from '#base'
import type { Dockerfile } from '../syntax.ts'
import { Checks } from './checks.ts'
import { checkOptionsOf } from './options.ts'

/** The checks that a build's Dockerfile is to pass, begun. */
export function checksOf(
  dockerfile: Dockerfile,
  { buildArgs }: { readonly buildArgs?: Readonly<Record<string, string>> },
): Checks {
  const checks = new Checks(checkOptionsOf(dockerfile, buildArgs?.['BUILDKIT_DOCKERFILE_CHECK']))
  // The one that is seen before any instruction has a meaning.
  for (const { emptyContinuations } of dockerfile.statements)
    for (const location of emptyContinuations) checks.add('NoEmptyContinuation', location, 'Empty continuation line')
  return checks
}

/** Tells what was found, failed or not. */
export function warnOfFindings(checks: Checks, call: Call | undefined): void {
  for (const { rule, detail, location, description, url } of checks.findings)
    call?.progress?.({
      kind: 'warning',
      message: `${rule}: ${detail} (line ${location.line})`,
      location,
      rule: { name: rule, description, ...(url === undefined ? {} : { url }) },
    })
}
