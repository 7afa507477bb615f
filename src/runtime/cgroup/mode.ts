import { existsSync } from 'node:fs'
import { errnoOf, fileSystem, FileSystemMagic, inUserNamespace, outerUser } from '#sys'
import { scopePath } from './scope.ts'

/**
 * How this host mounts control groups: `v2` alone; `v1` controllers; or `hybrid`, v1 controllers
 * with a v2 tree at `unified` beside them.
 */
export type CgroupMode = 'v1' | 'v2' | 'hybrid'

export const CGROUP_ROOT = '/sys/fs/cgroup'

/** Asked of the kernel each time (2 µs): the answer changes inside a private mount namespace. */
export function cgroupMode(): CgroupMode {
  if (isCgroup2(CGROUP_ROOT)) return 'v2'
  return isCgroup2(`${CGROUP_ROOT}/unified`) ? 'hybrid' : 'v1'
}

function isCgroup2(path: string): boolean {
  try {
    return fileSystem(path).type === FileSystemMagic.cgroup2
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Whether memory and swap can be limited together; kernels can be built or booted without. */
export function swapLimited(): boolean {
  if (cgroupMode() !== 'v2') return existsSync(`${CGROUP_ROOT}/memory/memory.memsw.limit_in_bytes`)
  return existsSync('/proc/swaps')
}

/**
 * Where a container's control group lies. Beside each other, not in a common parent: nothing is left after the last one.
 * That of a user who is not root is a scope of the user's systemd.
 */
export function cgroupPath(id: string): string {
  return inUserNamespace() ? scopePath(outerUser(), id) : `/cairn-${id}`
}

/**
 * The group below `path` that a runtime puts the container's processes in. With v2 it is one further down:
 * systemd takes controllers that no unit asks for away from the children of the root (at `daemon-reload`, or
 * whenever a unit starts), and limits go with them. It cannot where a child has handed one on (EBUSY,
 * cgroup-v2.rst "Top-down Constraint"), which runtimes do in every group above the container's.
 */
export function containerGroup(path: string, mode: CgroupMode = cgroupMode()): string {
  return mode === 'v2' ? `${path}/container` : path
}
