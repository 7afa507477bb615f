import { fail } from '#base'
import { readCdiDevices, type CdiDevices } from './files.ts'
import type { CdiDevice } from './read.ts'

/** By this annotation devices of several vendors are one class. */
const CLASS = 'org.mobyproject.buildkit.device.class'

export interface CdiRequest {
  /** `vendor.com/class=name`; `vendor.com/class` for its first, `vendor.com/class=*` for all; or the name of a class. */
  readonly name: string
  /** Default true. */
  readonly required?: boolean
}

/** The devices that are asked for, each once. `not_found` for one that has to be there and is not. */
export function findCdiDevices(asked: readonly CdiRequest[], all: CdiDevices = readCdiDevices()): CdiDevice[] {
  return [...new Set(asked.flatMap((one) => matching(one, all)))]
}

function matching({ name, required = true }: CdiRequest, { devices, problems }: CdiDevices): readonly CdiDevice[] {
  const [kind = '', device = ''] = name.split(/=(.*)/s)
  const ofKind = [...devices.values()]
    .filter((one) => one.name.startsWith(`${kind}=`))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const exact = devices.get(name)
  const found = device === '*' ? ofKind : device === '' ? ofKind.slice(0, 1) : exact ? [exact] : []
  if (found.length > 0) return found
  const ofClass = [...devices.values()].filter(({ annotations }) => annotations[CLASS] === name)
  if (ofClass.length > 0 || !required) return ofClass
  const known = [...devices.keys()]
  return fail('not_found', `there is no device ${name}`, {
    hint:
      problems.length > 0
        ? problems.join('; ')
        : known.length > 0
          ? `there are ${known.join(', ')}`
          : 'no file in /etc/cdi or /var/run/cdi describes one',
  })
}
