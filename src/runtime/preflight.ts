import { posix } from 'node:path'
import { close, FileType, isErrno, O, openIn, openPath, statAt, type Stat } from '#sys'
import { commandNotFound, commandOf, notExecutable, type StartFailure } from './failure.ts'
import type { RuntimeSpec } from './types.ts'

/** Places where a mount cannot bring or hide a command. */
const HARMLESS =
  /^\/(?:(?:proc|sys)(?:\/.*)?|dev(?:\/(?:pts|shm|mqueue))?|etc\/(?:hosts|hostname|resolv\.conf)|sbin\/docker-init)$/

/**
 * Looks for the command before anything is started (20 µs). Runtimes write their own complaint to
 * the container's stderr, so finding out first gives one clear line. Undefined when it is
 * there, or when a mount could bring it: then the runtime decides.
 */
export function preflight(spec: RuntimeSpec): StartFailure | undefined {
  const { env, cwd } = spec.process
  const command = commandOf(spec.process)
  if (!command || spec.mounts.some((mount) => !HARMLESS.test(mount.destination))) return undefined
  const root = openPath(spec.root.path, O.PATH | O.DIRECTORY)
  try {
    const found = candidates(command, env, cwd).map((path) => stat(root, path))
    if (found.some((file) => file && isExecutable(file))) return undefined
    const file = found.find((entry) => entry !== undefined)
    if (!file) return commandNotFound(command)
    return notExecutable(command, isDirectory(file) ? 'is a directory' : 'permission denied')
  } finally {
    close(root)
  }
}

function candidates(command: string, env: readonly string[], cwd: string): string[] {
  if (command.includes('/')) return [posix.resolve(cwd, command)]
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? ''
  return path.split(':').map((dir) => posix.resolve(cwd, dir, command))
}

function stat(root: number, path: string): Stat | undefined {
  try {
    const fd = openIn(root, path, O.PATH)
    try {
      return statAt(fd, '')
    } finally {
      close(fd)
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined
    throw error
  }
}

function isDirectory(file: Stat): boolean {
  return (file.mode & FileType.mask) === FileType.directory
}

function isExecutable(file: Stat): boolean {
  return !isDirectory(file) && (file.mode & 0o111) !== 0
}
