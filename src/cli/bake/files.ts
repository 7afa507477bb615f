import { existsSync, readFileSync, statSync } from 'node:fs'
import { collect, fail, reasonOf, text } from '#base'
import type { BakeFile } from '#bake'
import { readInput } from '../input.ts'

/** Looked for when no file is named; all that exist are read, in this order. */
const DEFAULTS = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
  'docker-bake.json',
  'docker-bake.hcl',
  'docker-bake.override.json',
  'docker-bake.override.hcl',
]
/** No definition by hand is larger. */
const MOST = 16 << 20

/** The files that were named, else those of BUILDX_BAKE_FILE, else the ones with the usual names. */
export async function readBakeFiles(named: readonly string[]): Promise<readonly BakeFile[]> {
  const separator = process.env['BUILDX_BAKE_FILE_SEPARATOR'] ?? ':'
  const asked = named.length > 0 ? named : (process.env['BUILDX_BAKE_FILE']?.split(separator).filter(Boolean) ?? [])
  const names = asked.length > 0 ? asked : DEFAULTS.filter((name) => existsSync(name))
  if (names.length === 0)
    fail('not_found', `couldn't find a bake definition`, { hint: `make a docker-bake.hcl, or name one with --file` })
  return await Promise.all(
    names.map(async (name) => ({
      name: name === '-' ? 'stdin' : name,
      text: text(await collect(readInput(name), MOST)),
    })),
  )
}

/** What a Compose file names; undefined when it is not there, or is no file. */
export function readNamed(name: string): string | undefined {
  const stats = statSync(name, { throwIfNoEntry: false })
  if (!stats?.isFile()) return undefined
  if (stats.size > MOST) return fail('resource_exhausted', `${name} is larger than ${MOST} bytes`)
  try {
    return readFileSync(name, 'utf8')
  } catch (error) {
    return fail('invalid_argument', `${name}: ${reasonOf(error)}`, { cause: error })
  }
}
