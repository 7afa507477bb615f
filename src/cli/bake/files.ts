import { existsSync, readFileSync, statSync } from 'node:fs'
import { collect, fail, reasonOf, text } from '#base'
import type { BakeFile } from '#bake'
import { readInput } from '../input.ts'

/** Looked for when no file is named; all that exist are read, in this order. */
export const defaultNames: readonly string[] = [
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

/** The files that were named, else those of BUILDX_BAKE_FILE; none for the ones with the usual names. */
export function namedFiles(named: readonly string[]): readonly string[] {
  const separator = process.env['BUILDX_BAKE_FILE_SEPARATOR'] ?? ':'
  return named.length > 0 ? named : (process.env['BUILDX_BAKE_FILE']?.split(separator).filter(Boolean) ?? [])
}

/** The files of these names here, else those with the usual names. */
export async function readBakeFiles(named: readonly string[]): Promise<readonly BakeFile[]> {
  const names = named.length > 0 ? named : defaultNames.filter((name) => existsSync(name))
  if (names.length === 0) noDefinition()
  return await readFiles(names)
}

export function noDefinition(): never {
  fail('not_found', `couldn't find a bake definition`, { hint: `make a docker-bake.hcl, or name one with --file` })
}

async function readFiles(names: readonly string[]): Promise<readonly BakeFile[]> {
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
