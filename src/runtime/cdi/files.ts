import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { messageOf } from '#base'
import { readSpec, type CdiDevice } from './read.ts'

/** Later ones go before earlier ones. */
const DIRECTORIES = '/etc/cdi:/var/run/cdi'

/** Larger than any that a tool has written for a machine full of devices, bytes. */
const MOST = 4 << 20

/** The devices that there are, by their full names, and what is wrong with files that could not be read. */
export interface CdiDevices {
  readonly devices: ReadonlyMap<string, CdiDevice>
  readonly problems: readonly string[]
}

/**
 * Reads what vendors say of their devices, in /etc/cdi and /var/run/cdi, or in the directories that CAIRN_CDI_SPEC_DIRS
 * names. A device that two files of one directory define is nobody's.
 * https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
 */
export function readCdiDevices(
  directories: readonly string[] = (process.env['CAIRN_CDI_SPEC_DIRS'] ?? DIRECTORIES).split(':').filter(Boolean),
): CdiDevices {
  const devices = new Map<string, CdiDevice>()
  const problems: string[] = []
  for (const directory of directories) {
    const found = new Map<string, string>()
    for (const path of filesIn(directory))
      try {
        for (const device of readSpec(textOf(path))) {
          const other = found.get(device.name)
          if (other === undefined) devices.set(device.name, device)
          else {
            devices.delete(device.name)
            problems.push(`${device.name} is defined by ${other} and by ${path}`)
          }
          found.set(device.name, path)
        }
      } catch (error) {
        problems.push(`${path}: ${messageOf(error)}`)
      }
  }
  return { devices, problems }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => ['.json', '.yaml', '.yml'].includes(extname(name)))
      .sort()
      .map((name) => join(directory, name))
  } catch {
    return []
  }
}

/** YAML is JSON's superset. */
function textOf(path: string): unknown {
  if (statSync(path).size > MOST) throw new Error(`larger than ${MOST} bytes`)
  const text = readFileSync(path, 'utf8')
  return path.endsWith('.json') ? (JSON.parse(text) as unknown) : Bun.YAML.parse(text)
}
