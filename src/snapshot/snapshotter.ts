import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, type Call } from '#base'
import type { Digest } from '#oci'
import { close, FileType, inUserNamespace, O, openPath, statAt, type Mount } from '#sys'
import { namesIn, openDirectory } from './differ/tree.ts'
import type { DiskLayers } from './layers/types.ts'
import type { PrepareOptions, RootFs, Snapshotter, Usage } from './types.ts'

/** overlayfs stacks at most this many layers. */
const OVERLAY_LIMIT = 500

/** An overlay without an upper directory wants two layers. */
const VIEW_MINIMUM = 2

/** `run` is the directory for state that dies with the machine: the layers' mount points are in it. */
export function createSnapshotter(options: { readonly run: string; readonly layers: DiskLayers }): Snapshotter {
  const { run, layers } = options

  const stack = async (digests: readonly Digest[], call?: Call): Promise<Stack> => {
    const own = withoutRepeats(digests)
    for (const digest of own) await layers.verify(digest, call)
    const fixUp = await layers.fixUp(digests, call)
    // A fix-up may happen to be one of the layers themselves.
    const used = fixUp === undefined ? own : withoutRepeats([...own, fixUp])
    if (used.length >= OVERLAY_LIMIT)
      fail('invalid_argument', `${used.length} layers, where overlayfs takes ${OVERLAY_LIMIT}`)
    const places = used.map((digest) => layers.place(digest, run))
    return {
      lower: places.map((place) => place.path).reverse(),
      mounts: places.flatMap((place) => (place.mount ? [place.mount] : [])),
    }
  }

  return {
    async prepare(dir: string, digests: readonly Digest[], prepare: PrepareOptions = {}, call?: Call): Promise<RootFs> {
      const { lower, mounts } = await stack(digests, call)
      const path = prepare.at ?? join(dir, 'rootfs')
      const upper = join(dir, 'upper')
      const work = join(dir, 'work')
      if (prepare.at === undefined) makeDirectory(path)
      makeDirectory(upper)
      // A volatile overlay refuses the work directory of one before it.
      rmSync(work, { recursive: true, force: true })
      makeDirectory(work)
      const overlay: Mount = {
        type: 'overlay',
        target: path,
        lower: atLeast(1, lower, run),
        upper,
        work,
        volatile: prepare.volatile ?? false,
        userxattr: inUserNamespace(),
      }
      return { path, upper, mounts: [...mounts, overlay] }
    },

    async view(dir: string, digests: readonly Digest[], call?: Call): Promise<RootFs> {
      const { lower, mounts } = await stack(digests, call)
      const path = join(dir, 'rootfs')
      makeDirectory(path)
      const overlay: Mount = {
        type: 'overlay',
        target: path,
        lower: atLeast(VIEW_MINIMUM, lower, run),
        userxattr: inUserNamespace(),
      }
      return { path, mounts: [...mounts, overlay] }
    },

    usage: async (dir) => usageOf(join(dir, 'upper')),
  }
}

interface Stack {
  /** Topmost first. */
  readonly lower: readonly string[]
  readonly mounts: readonly Mount[]
}

/**
 * overlayfs refuses a directory twice. Of a layer that comes twice the upper one says everything:
 * it holds every path that the lower one holds.
 */
function withoutRepeats(digests: readonly Digest[]): Digest[] {
  return digests.filter((digest, index) => digests.lastIndexOf(digest) === index)
}

function atLeast(count: number, lower: readonly string[], run: string): string[] {
  const padded = [...lower]
  for (let i = 0; padded.length < count; i++) {
    const empty = join(run, 'layers', `empty-${i}`)
    makeDirectory(empty)
    padded.push(empty)
  }
  return padded
}

/** A root directory is the container's: the caller's umask has no say in its mode. */
function makeDirectory(path: string): void {
  if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, 0o755)
}

function usageOf(upper: string): Usage {
  const seen = new Set<bigint>()
  let bytes = 0
  const walk = (directory: number): void => {
    for (const name of namesIn(directory)) {
      const stat = statAt(directory, name)
      if (!stat || seen.has(stat.ino)) continue
      seen.add(stat.ino)
      if ((stat.mode & FileType.mask) !== FileType.directory) {
        bytes += stat.allocated
        continue
      }
      const child = openDirectory(directory, name)
      try {
        walk(child)
      } finally {
        close(child)
      }
    }
  }
  const root = openPath(upper, O.RDONLY | O.DIRECTORY)
  try {
    walk(root)
  } finally {
    close(root)
  }
  return { bytes, inodes: seen.size }
}
