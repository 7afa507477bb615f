import { cstring, trySyscall } from './syscall.ts'

const FSCONFIG_SET_FLAG = 0
const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6
const FSOPEN_CLOEXEC = 1
const FSMOUNT_CLOEXEC = 1
const MOUNT_ATTR_RDONLY = 1

/**
 * Whether this kernel mounts `source` read-only as a file system of `type`. The mount is made
 * detached and dropped: no namespace ever sees it, so it can be tried anywhere.
 */
export function canMount(type: string, source: string): boolean {
  const context = trySyscall('fsopen', cstring(type), FSOPEN_CLOEXEC)
  if (context < 0) return false
  try {
    const configured =
      trySyscall('fsconfig', context, FSCONFIG_SET_STRING, cstring('source'), cstring(source), 0) >= 0 &&
      trySyscall('fsconfig', context, FSCONFIG_SET_FLAG, cstring('ro'), null, 0) >= 0 &&
      trySyscall('fsconfig', context, FSCONFIG_CMD_CREATE, null, null, 0) >= 0
    if (!configured) return false
    const tree = trySyscall('fsmount', context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY)
    if (tree >= 0) trySyscall('close', tree)
    return tree >= 0
  } finally {
    trySyscall('close', context)
  }
}
