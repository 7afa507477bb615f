import { readdirSync } from 'node:fs'
import { posix } from 'node:path'
import { close, FileType, isErrno, O, openPath, type Stat } from '#sys'
import { commandNotFound, commandOf, notExecutable, StartFailure, withoutInterpreter } from './failure.ts'
import { needsOf } from './interpreter.ts'
import { mayPass, statIn } from './lookup.ts'
import type { ProcessSpec, RuntimeSpec } from './types.ts'

/** Places where a mount cannot bring or hide a command. */
const HARMLESS =
  /^\/(?:(?:proc|sys)(?:\/.*)?|dev(?:\/(?:pts|shm|mqueue))?|etc\/(?:hosts|hostname|resolv\.conf)|sbin\/docker-init)$/

/**
 * Looks for the command before anything is started (20 µs). Runtimes write their own complaint to
 * the container's stderr, so finding out first gives one clear line. Undefined when it is
 * there, or when a mount could bring it: then the runtime decides.
 */
export function preflight(spec: RuntimeSpec): StartFailure | undefined {
  const mounts = spec.mounts.map(({ destination }) => destination).filter((path) => !HARMLESS.test(path))
  return look(spec.root.path, spec.process, mounts) ?? noDirectory(spec.root.path, spec.process, mounts)
}

/** The same in a running container, whose mounts are all there; its working directory must be there as well. */
export function preflightExec(rootfs: string, process: ProcessSpec): StartFailure | undefined {
  try {
    return look(rootfs, process, []) ?? missingDirectory(rootfs, process)
  } catch (error) {
    // It has just ended: the runtime says so.
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

function look(rootfs: string, process: ProcessSpec, mounts: readonly string[]): StartFailure | undefined {
  const command = commandOf(process)
  if (command === '') return process.args.length > 0 ? commandNotFound(command) : undefined
  const root = openPath(rootfs, O.PATH | O.DIRECTORY)
  try {
    const paths = candidates(command, process.env, process.cwd)
    const found = paths.map((path) => statIn(root, path))
    const at = found.findIndex((file) => file && isExecutable(file))
    if (at >= 0) return unmet({ root, command, path: paths[at]!, mounts })
    if (mounts.length > 0 && paths.some((path) => mayPass(root, path, mounts))) return undefined
    const file = found.find((entry) => entry !== undefined)
    if (!file) return commandNotFound(command)
    return notExecutable(command, isDirectory(file) ? 'is a directory' : 'permission denied')
  } finally {
    close(root)
  }
}

interface Found {
  readonly root: number
  readonly command: string
  readonly path: string
  readonly mounts: readonly string[]
}

/** Of a command that is there: whether what executes it is there as well. The kernel would say "no such file" of the command. */
function unmet({ root, command, path, mounts }: Found): StartFailure | undefined {
  if (mounts.length > 0 && mayPass(root, path, mounts)) return undefined
  const needs = needsOf(root, path)
  if (needs?.kind === 'unknown') return hasHandlers() ? undefined : notExecutable(command, 'exec format error')
  if (!needs || needs.kind === 'nothing' || statIn(root, needs.path)) return undefined
  if (mounts.length > 0 && mayPass(root, needs.path, mounts)) return undefined
  return withoutInterpreter(command, needs)
}

/** Whether the kernel was told of more formats than its own (binfmt_misc). */
function hasHandlers(): boolean {
  try {
    return readdirSync('/proc/sys/fs/binfmt_misc').length > 2
  } catch {
    return false
  }
}

/** A working directory that is missing the runtime makes; where a file lies it cannot. */
function noDirectory(rootfs: string, { cwd }: ProcessSpec, mounts: readonly string[]): StartFailure | undefined {
  const root = openPath(rootfs, O.PATH | O.DIRECTORY)
  try {
    const file = statIn(root, cwd)
    if (!file || isDirectory(file) || mayPass(root, cwd, mounts)) return undefined
    return new StartFailure(125, 'failed_precondition', `the working directory "${cwd}": not a directory`)
  } finally {
    close(root)
  }
}

function missingDirectory(rootfs: string, { cwd }: ProcessSpec): StartFailure | undefined {
  const root = openPath(rootfs, O.PATH | O.DIRECTORY)
  try {
    const file = statIn(root, cwd)
    if (file && isDirectory(file)) return undefined
    const why = file ? 'not a directory' : 'no such file or directory'
    return new StartFailure(126, 'failed_precondition', `the working directory "${cwd}": ${why}`)
  } finally {
    close(root)
  }
}

function candidates(command: string, env: readonly string[], cwd: string): string[] {
  if (command.includes('/')) return [posix.resolve(cwd, command)]
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? ''
  return path.split(':').map((dir) => posix.resolve(cwd, dir, command))
}

function isDirectory(file: Stat): boolean {
  return (file.mode & FileType.mask) === FileType.directory
}

function isExecutable(file: Stat): boolean {
  return !isDirectory(file) && (file.mode & 0o111) !== 0
}
