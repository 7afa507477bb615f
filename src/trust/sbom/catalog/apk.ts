import type { Cataloger, Package } from '../../types.ts'
import { readText } from './read.ts'

const DATABASES = ['lib/apk/db/installed', 'usr/lib/apk/db/installed']

/** Alpine packages: one-letter fields, packages separated by empty lines (apk-tools, "apk spec"). */
export const apk: Cataloger = {
  find: async (tree, call) => {
    const found: Package[] = []
    for (const path of DATABASES)
      for (const block of ((await readText(tree, path, call)) ?? '').split(/\n\n+/)) {
        const item = packageOf(block, path)
        if (item) found.push(item)
      }
    return found
  },
}

function packageOf(block: string, path: string): Package | undefined {
  const field = (letter: string): string | undefined =>
    new RegExp(`^${letter}:(.*)$`, 'm').exec(block)?.[1]?.trim() || undefined
  const [name, version, architecture, origin] = ['P', 'V', 'A', 'o'].map(field)
  if (!name || !version) return undefined
  const [license, supplier, homepage] = ['L', 'm', 'U'].map(field)
  return {
    ecosystem: 'apk',
    name,
    version,
    ...(architecture ? { architecture } : {}),
    ...(origin && origin !== name ? { source: { name: origin, version } } : {}),
    licenses: license ? [license] : [],
    ...(supplier ? { supplier } : {}),
    ...(homepage ? { homepage } : {}),
    path,
  }
}
