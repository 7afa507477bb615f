import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '#base'
import { fileSystem, FileSystemMagic, isErrno, kill } from '#sys'
import { CGROUP_ROOT, cgroupMode } from './mode.ts'

/** How long killed processes may take to leave a group, and an empty one to become removable. */
const PATIENCE_MS = 5000

/** The directories of a control group: one with v2, one per hierarchy with v1 and hybrid. Only those that exist. */
export function cgroupDirs(path: string): string[] {
  if (!path.startsWith('/') || path === '/' || path.includes('/..'))
    fail('invalid_argument', `no control group: "${path}"`)
  const roots =
    cgroupMode() === 'v2'
      ? [CGROUP_ROOT]
      : readdirSync(CGROUP_ROOT, { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => join(CGROUP_ROOT, entry.name))
          // A tmpfs hides the v2 tree of a hybrid host: what runtimes leave in it are ordinary files.
          .filter((root) => fileSystem(root).type !== FileSystemMagic.tmpfs)
  return roots.map((root) => root + path).filter((dir) => existsSync(join(dir, 'cgroup.procs')))
}

/** Every process in a control group and below, by any hierarchy. */
export function cgroupProcesses(path: string): number[] {
  return [...new Set(cgroupDirs(path).flatMap(below).flatMap(processesOf))]
}

/** One that goes away meanwhile has nothing below it. */
function below(dir: string): string[] {
  const children = tolerant(() => readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory()), [])
  return [dir, ...children.flatMap((entry) => below(join(dir, entry.name)))]
}

/** 0 stands for a process of a pid namespace that is not below ours. */
function processesOf(dir: string): number[] {
  return tolerant(() => readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').map(Number).filter(Boolean), [])
}

/**
 * Kills everything in a control group, however fast it forks: `cgroup.kill` where the kernel
 * has it, else frozen first (v1), else again and again. Resolves when the group is empty.
 */
export async function killCgroup(path: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (let wait = 2; ; wait = Math.min(wait * 2, 200)) {
    const dirs = cgroupDirs(path)
    if (!dirs.some((dir) => writeIfThere(join(dir, 'cgroup.kill'), '1'))) killFrozen(path, dirs)
    // What is frozen again before it had a chance to die would live for ever: longer pauses each time.
    for (const round = Date.now() + wait; Date.now() <= round; await pause()) {
      if (cgroupProcesses(path).length === 0) return
    }
    if (Date.now() > deadline) fail('failed_precondition', `processes in control group ${path} do not die`)
  }
}

function killFrozen(path: string, dirs: readonly string[]): void {
  const freezers = dirs.map((dir) => join(dir, 'freezer.state')).filter((file) => existsSync(file))
  for (const file of freezers) writeIfThere(file, 'FROZEN')
  for (const pid of cgroupProcesses(path)) if (pid !== process.pid) kill(pid, 9)
  for (const file of freezers) writeIfThere(file, 'THAWED')
}

/** Removes a control group with all below it, its processes first. Absent already is no error. */
export async function removeCgroups(path: string): Promise<void> {
  if (cgroupProcesses(path).length > 0) await killCgroup(path)
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const busy = cgroupDirs(path)
      .flatMap((dir) => below(dir).reverse())
      .filter((dir) => !removed(dir))
    if (busy.length === 0) return
    if (Date.now() > deadline) fail('failed_precondition', `control group ${busy[0]} cannot be removed: it is in use`)
    await pause()
  }
}

function removed(dir: string): boolean {
  try {
    rmdirSync(dir)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true
    if (isErrno(error, 'EBUSY', 'ENOTEMPTY')) return false
    throw error
  }
}

function writeIfThere(file: string, text: string): boolean {
  return tolerant(() => {
    if (!existsSync(file)) return false
    writeFileSync(file, text)
    return true
  }, false)
}

/** Groups vanish under the hands of whoever looks at them. */
function tolerant<T>(work: () => T, otherwise: T): T {
  try {
    return work()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return otherwise
    throw error
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2))
}
