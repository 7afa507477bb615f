import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Call } from '#base'
import type { RootFs } from '#snapshot'
import { applyMounts, enterPrivateMounts, unmount, type Mount } from '#sys'
import type { Parts } from '../parts.ts'
import type { ContainerRecord } from './table.ts'

/**
 * Mounts a container's root in this process's private mount namespace. Every layer is checked first:
 * a damaged one is `data_loss`, and nothing is mounted.
 */
export async function mountRoot(parts: Parts, { id, config }: ContainerRecord, call?: Call): Promise<RootFs> {
  const snapshots = await parts.snapshots()
  const dir = containerDir(parts, id)
  const at = placeOf(parts, id)
  const root = await snapshots.prepare(dir, config.layers, { volatile: config.options.autoRemove === true, at }, call)
  enterPrivateMounts()
  applyMounts(root.mounts)
  return root
}

/** The places that this process has given away, by what is mounted there. */
const places = new Map<string, number>()

/**
 * Where this process mounts a container's root: at one of a few numbered directories, which are everybody's and stay, for
 * only its own mount namespace shows anything there. So the directory of a container holds no mount, and can be removed
 * while its root is mounted still. Outside they have to be there as well: `runc exec` goes to the root's path first.
 */
function placeOf(parts: Parts, what: string): string {
  const taken = new Set(places.values())
  let free = 0
  while (taken.has(free)) free++
  const place = places.get(what) ?? free
  places.set(what, place)
  return join(parts.paths.roots, String(place))
}

/** Where the image's tree alone is. */
const imageOf = (id: string): string => `${id}, the image`

/**
 * Takes a removed container's roots away where this process has mounted them, as soon as there is nothing else to do. The
 * kernel waits for every processor to do it, twice 0.1 ms and longer on a busy machine: a process that ends now leaves it
 * to the end of its namespace.
 */
export function dropRoots(parts: Parts, id: string): void {
  for (const what of [id, imageOf(id)]) if (places.has(what)) setImmediate(() => drop(parts, what))
}

function drop(parts: Parts, what: string): void {
  // A view may lie over the root.
  while (unmount(placeOf(parts, what), { lazy: true }));
  places.delete(what)
}

/** The same tree to read, whether the container runs or not: what it wrote is one more read-only layer. */
export async function mountView(parts: Parts, { id, config }: ContainerRecord, call?: Call): Promise<string> {
  const snapshots = await parts.snapshots()
  const dir = containerDir(parts, id)
  const { mounts } = await snapshots.view(dir, config.layers, call)
  const upper = join(dir, 'upper')
  const target = placeOf(parts, id)
  const withUpper = (mount: Mount): Mount =>
    mount.type === 'overlay'
      ? { ...mount, target, lower: existsSync(upper) ? [upper, ...mount.lower] : mount.lower }
      : mount
  enterPrivateMounts()
  applyMounts(mounts.map(withUpper))
  return target
}

/** The image's tree alone, to compare with what a container has written over it. */
export async function mountImage(parts: Parts, { id, config }: ContainerRecord, call?: Call): Promise<RootFs> {
  const root = await (await parts.snapshots()).view(containerDir(parts, id), config.layers, call)
  const path = placeOf(parts, imageOf(id))
  const mounts = root.mounts.map((mount) => (mount.type === 'overlay' ? { ...mount, target: path } : mount))
  enterPrivateMounts()
  applyMounts(mounts)
  return { path, mounts }
}

function containerDir(parts: Parts, id: string): string {
  const dir = parts.paths.container(id)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  return dir
}
