import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RootFs } from '#snapshot'
import { unmount, type Mount } from '#sys'
import { parentOf, SourceTree } from '../source/tree.ts'
import { mountOnce } from './step.ts'
import { LayerTarget } from './target.ts'

const DIRECTORIES = ['proc', 'sys', 'dev'] as const
const FILES = ['etc/resolv.conf', 'etc/hosts'] as const

/**
 * Mounts a step's root over a directory that holds the sandbox's mount points. It lies below the image, so what the
 * image has hides it, and what the image lacks is there without being written: nothing of it gets into the layer.
 */
export function mountWithStubs(root: RootFs, stubs: string): void {
  for (const path of DIRECTORIES) stubDirectory(stubs, path)
  for (const path of FILES) writeStub(stubs, path)
  mountOnce(root.mounts.map((mount) => over(mount, stubs)))
  const missing = dangling(root.path)
  if (missing.length === 0) return
  // Links to nowhere (/etc/resolv.conf to a file of systemd's): the runtime would make what they point at.
  unmount(root.path)
  for (const path of missing) writeStub(stubs, path)
  for (const mount of root.mounts) if (mount.type === 'overlay' && mount.work !== undefined) renew(mount.work)
  mountOnce(root.mounts.map((mount) => over(mount, stubs)))
}

/** A volatile overlay refuses the work directory of one before it. */
function renew(work: string): void {
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work)
}

function over(mount: Mount, stubs: string): Mount {
  return mount.type === 'overlay' ? { ...mount, lower: [...mount.lower, stubs] } : mount
}

/** Where the sandbox's files would be made, because a symlink of the image's leads there. */
function dangling(root: string): string[] {
  using tree = new SourceTree(root)
  const target = new LayerTarget(tree)
  return FILES.filter((path) => tree.resolve(path) === undefined)
    .map((path) => target.resolve(path))
    .filter((path) => parentOf(path) !== path)
}

function writeStub(stubs: string, path: string): void {
  stubDirectory(stubs, dirname(path))
  writeFileSync(join(stubs, path), '')
}

/** A step that writes into one takes its mode into the layer, so the caller's umask has no say. */
function stubDirectory(stubs: string, path: string): void {
  if (parentOf(path) !== path) stubDirectory(stubs, parentOf(path))
  mkdirSync(join(stubs, path), { recursive: true })
  chmodSync(join(stubs, path), 0o755)
}
