import { parsePlatform, parseReference } from '#oci'
import { expand, type Expansion } from '../expand.ts'
import type { Stage } from '../instruction.ts'
import type { FileSeen } from '../plan/observer.ts'
import { BuildArgs, globalScope } from '../plan/scope.ts'
import { attempt } from './attempt.ts'
import type { Checks } from './checks.ts'
import { meant } from './suggest.ts'

/** What the expansion of FROM lines shows. */
export function checkFrom(checks: Checks, context: FileSeen): void {
  checkDefaults(checks, context)
  const declared = new Set([
    ...context.globalArgs.flatMap(({ args }) => args.map(({ key }) => key)),
    ...context.global.keys(),
  ])
  for (const { from } of context.stages) {
    const { statement, image, platform } = from
    for (const text of platform === undefined ? [image] : [image, platform]) {
      for (const name of unsetIn(text, context))
        if (!declared.has(name))
          checks.addIn(
            statement,
            'UndefinedArgInFrom',
            `FROM argument '${name}' is not declared${meant(name, declared)}`,
          )
    }
    if (platform !== undefined) checkPlatform(checks, from, platform, context)
  }
}

/** The same build without any argument from outside. */
function checkDefaults(checks: Checks, { stages, globalArgs, defaults, escape }: FileSeen): void {
  const scope = attempt(() => globalScope(defaults, globalArgs, new BuildArgs({}), escape))
  if (!scope) return
  for (const { from } of stages) {
    const name = attempt(() => expand(from.image, (key) => scope.get(key), { escape }).value)
    if (name === undefined) return
    if (attempt(() => parseReference(name)) === undefined)
      checks.add(
        'InvalidDefaultArgInFrom',
        from.statement.location,
        `Default value for ARG ${from.image} results in empty or invalid base image name`,
      )
  }
}

function checkPlatform(checks: Checks, from: Stage['from'], text: string, { global, escape }: FileSeen): void {
  const { statement, stage = '' } = from
  const used = new Set<string>()
  const expansion = attempt(() => expand(text, (name) => (used.add(name), global.get(name)), { escape }))
  if (!expansion) return
  if (used.size === 1 && used.has('TARGETPLATFORM') && expansion.value === global.get('TARGETPLATFORM'))
    checks.addIn(
      statement,
      'RedundantTargetPlatform',
      `Setting platform to predefined ${text} in FROM is redundant as this is the default behavior`,
    )
  const platform = used.size === 0 ? attempt(() => parsePlatform(expansion.value)) : undefined
  if (platform && !stage.includes(platform.os) && !stage.includes(platform.architecture))
    checks.addIn(
      statement,
      'FromPlatformFlagConstDisallowed',
      `FROM --platform flag should not use constant value "${expansion.value}"`,
    )
}

function unsetIn(text: string, { global, escape }: FileSeen): ReadonlySet<string> {
  return attempt((): Expansion => expand(text, (name) => global.get(name), { escape }))?.unset ?? new Set()
}
