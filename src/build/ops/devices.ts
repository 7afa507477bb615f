import { statSync } from 'node:fs'
import { fail } from '#base'
import { cdiMounts, findCdiDevices, type CdiDevice } from '#runtime'
import type { RunDefinition } from './definition.ts'
import type { StepLimits } from './step.ts'
import type { MountPoint } from './stubs.ts'

/** A device that says so of itself is everybody's. */
const AUTO_ALLOW = 'org.mobyproject.buildkit.device.autoallow'

/** The devices of a step, each allowed by whoever builds. */
export function stepDevices({ devices = [] }: RunDefinition, { allow = [] }: StepLimits): readonly CdiDevice[] {
  if (devices.length === 0) return []
  const found = findCdiDevices(devices)
  const refused = found.filter((device) => !isAllowed(device, allow)).map(({ name }) => name)
  if (refused.length > 0)
    fail('permission_denied', `the step needs ${refused.join(' and ')}, which was not allowed`, {
      hint: `build with ${refused.map((name) => `--allow device=${name}`).join(' ')}`,
    })
  return found
}

function isAllowed({ name, annotations }: CdiDevice, allow: readonly string[]): boolean {
  const kind = name.split('=', 1)[0]!
  const isOpen = /^(?:1|t|true)$/i.test(annotations[AUTO_ALLOW] ?? '')
  return isOpen || ['device', `device=${name}`, `device=${kind}`, `device=${kind}=*`].some((one) => allow.includes(one))
}

/** What devices mount is not in the image: something must be there to mount over. */
export function devicePoints(devices: readonly CdiDevice[]): MountPoint[] {
  return cdiMounts(devices).map(({ hostPath, containerPath }) => ({
    path: containerPath,
    isFile: statSync(hostPath, { throwIfNoEntry: false })?.isDirectory() === false,
  }))
}
