import type { Call } from '#base'
import type { FileTree } from '#image'
import type { Cataloger, Package } from '../../types.ts'
import { stanzas, type Fields } from './fields.ts'
import { readText } from './read.ts'

const STATUS = 'var/lib/dpkg/status'
/** A file for each package: distroless images. */
const STATUS_DIRECTORY = 'var/lib/dpkg/status.d'

/** Debian packages (dpkg(1), deb-control(5)); licences from each package's copyright file (DEP-5). */
export const dpkg: Cataloger = {
  find: async (tree, call) => {
    const found = new Map<string, Package>()
    const files = [
      STATUS,
      ...tree
        .list(STATUS_DIRECTORY)
        .filter((name) => !name.endsWith('.md5sums'))
        .map((name) => `${STATUS_DIRECTORY}/${name}`),
    ]
    for (const path of files)
      for (const fields of stanzas((await readText(tree, path, call)) ?? '')) {
        const item = await packageOf(tree, fields, path, call)
        if (item) found.set(`${item.name}:${item.architecture}`, item)
      }
    return [...found.values()]
  },
}

async function packageOf(tree: FileTree, fields: Fields, path: string, call?: Call): Promise<Package | undefined> {
  const [name, version, architecture] = ['package', 'version', 'architecture'].map((field) => fields.get(field))
  const status = fields.get('status')
  if (!name || !version || (status !== undefined && !status.endsWith(' installed'))) return undefined
  const source = sourceOf(fields, version)
  const [supplier, homepage] = [fields.get('maintainer'), fields.get('homepage')]
  return {
    ecosystem: 'deb',
    name,
    version,
    ...(architecture ? { architecture } : {}),
    ...(source ? { source } : {}),
    licenses: licensesIn((await readText(tree, `usr/share/doc/${name}/copyright`, call)) ?? ''),
    ...(supplier ? { supplier } : {}),
    ...(homepage ? { homepage } : {}),
    path,
  }
}

/** `Source: name (version)`. */
function sourceOf(fields: Fields, version: string): Package['source'] {
  const [, name, own] = /^(\S+)(?:\s+\(([^)]+)\))?/.exec(fields.get('source') ?? '') ?? []
  return name === undefined ? undefined : { name, version: own ?? version }
}

/** The short names of a machine-readable copyright file, and licences that an old one points to. */
export function licensesIn(copyright: string): readonly string[] {
  const found = new Set<string>()
  if (/^format:/im.test(copyright.slice(0, 2000)))
    for (const [, name = ''] of copyright.matchAll(/^license:[ \t]*(.*)$/gim)) {
      // A list of alternatives is one expression of DEP-5's own grammar: each name is kept.
      for (const part of name.split(/\s*,?\s+(?:and|or)\s+|\s*,\s*/)) if (part.trim() !== '') found.add(part.trim())
    }
  else
    for (const [, name = ''] of copyright.matchAll(/\/usr\/share\/common-licenses\/([A-Za-z0-9.+-]*[A-Za-z0-9+])/g))
      found.add(name)
  return [...found].toSorted()
}
