import type { Call } from '#base'
import type { FileTree } from '#image'
import type { Cataloger, Distribution, Package } from '../../types.ts'
import { apk } from './apk.ts'
import { dpkg } from './dpkg.ts'
import { npm, python } from './language.ts'
import { readText } from './read.ts'

/** What a file system holds. */
export interface Catalog {
  readonly distribution?: Distribution
  /** In a fixed order, each once. */
  readonly packages: readonly Package[]
}

const CATALOGERS: readonly Cataloger[] = [dpkg, apk, npm, python]

/** Finds the packages of a root file system: the distribution's, and those of languages. */
export async function catalogPackages(tree: FileTree, call?: Call): Promise<Catalog> {
  const found = new Map<string, Package>()
  for (const cataloger of CATALOGERS)
    for (const item of await cataloger.find(tree, call)) found.set(orderOf(item), item)
  const packages = [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
  const distribution = await distributionOf(tree, call)
  return { ...(distribution ? { distribution } : {}), packages }
}

function orderOf({ ecosystem, name, version, architecture = '', path }: Package): string {
  return JSON.stringify([ecosystem, name, version, architecture, path])
}

async function distributionOf(tree: FileTree, call?: Call): Promise<Distribution | undefined> {
  const release = (await readText(tree, 'etc/os-release', call)) ?? (await readText(tree, 'usr/lib/os-release', call))
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}=["']?([^"'\\n]*)`, 'm').exec(release ?? '')?.[1] || undefined
  const id = value('ID')
  return id === undefined ? undefined : { id, version: value('VERSION_ID') ?? value('VERSION_CODENAME') ?? 'unstable' }
}
