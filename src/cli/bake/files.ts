import { existsSync } from 'node:fs'
import { collect, fail, text } from '#base'
import type { BakeFile } from '#bake'
import { readInput } from '../input.ts'

/** Looked for when no file is named; all that exist are read, in this order. */
const DEFAULTS = ['docker-bake.json', 'docker-bake.hcl', 'docker-bake.override.json', 'docker-bake.override.hcl']
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
