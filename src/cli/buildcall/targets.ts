import type { BuildTarget, TargetList } from '#engine'
import { columns } from './columns.ts'
import { document, locationOf, present, sourceData } from './json.ts'

/** As `docker build --call=targets` prints it. */
export function targetsText({ targets }: TargetList): string {
  return columns([['TARGET', 'DESCRIPTION'], ...targets.map((target) => [label(target), target.description ?? ''])], 1)
}

function label({ name = '', isDefault }: BuildTarget): string {
  if (!isDefault) return name
  return name === '' ? '(default)' : `${name} (default)`
}

export function targetsJson({ source, targets }: TargetList): string {
  return document({
    targets: targets.map(({ name, description, isDefault, base, platform, location }) =>
      present({ name, default: isDefault, description, base, platform, location: locationOf(location) }),
    ),
    sources: [sourceData(source)],
  })
}
