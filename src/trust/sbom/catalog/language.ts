import type { Call } from '#base'
import type { FileTree } from '#image'
import type { Cataloger, Package } from '../../types.ts'
import { stanzas } from './fields.ts'
import { readText } from './read.ts'

/** Packages that npm and its kin have installed: `node_modules/NAME/package.json`. */
export const npm: Cataloger = {
  find: (tree, call) => each(tree, /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@.][^/]*\/package\.json$/, npmPackage, call),
}

/** Python distributions: `NAME.dist-info/METADATA`, `NAME.egg-info/PKG-INFO` (PyPA core metadata). */
export const python: Cataloger = {
  find: (tree, call) => each(tree, /(?:\.dist-info\/METADATA|\.egg-info\/PKG-INFO|\.egg-info)$/, pythonPackage, call),
}

async function each(
  tree: FileTree,
  path: RegExp,
  read: (text: string, path: string) => Package | undefined,
  call?: Call,
): Promise<readonly Package[]> {
  const found: Package[] = []
  for (const entry of tree.entries()) {
    if (entry.type !== 'file' || !path.test(entry.path)) continue
    const item = read((await readText(tree, entry.path, call)) ?? '', entry.path)
    if (item) found.push(item)
  }
  return found
}

function npmPackage(text: string, path: string): Package | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const { name, version, license, homepage } = Object(value) as Record<string, unknown>
  if (typeof name !== 'string' || typeof version !== 'string' || name === '' || version === '') return undefined
  const type = typeof license === 'object' && license !== null ? (license as Record<string, unknown>)['type'] : license
  return {
    ecosystem: 'npm',
    name,
    version,
    licenses: typeof type === 'string' && type !== '' ? [type] : [],
    ...(typeof homepage === 'string' ? { homepage } : {}),
    path,
  }
}

function pythonPackage(text: string, path: string): Package | undefined {
  const [fields] = stanzas(text)
  const [name, version] = [fields?.get('name'), fields?.get('version')]
  if (!name || !version) return undefined
  const license = fields?.get('license-expression') ?? fields?.get('license')?.split('\n', 1)[0]
  const homepage = fields?.get('home-page')
  return {
    ecosystem: 'pypi',
    name,
    version,
    licenses: license && license !== 'UNKNOWN' && license.length < 100 ? [license] : [],
    ...(homepage && homepage !== 'UNKNOWN' ? { homepage } : {}),
    path,
  }
}
