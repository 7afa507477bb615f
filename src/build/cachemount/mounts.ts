import {
  chmodSync,
  chownSync,
  existsSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Call } from '#base'
import { AT_FDCWD, isErrno, lock, renameAt, tryLock, type FileLock } from '#sys'
import { digestData } from '../digest.ts'
import type { AcquireOptions, CacheMountInfo, CacheMountName, CacheMounts, HeldCacheMount } from './types.ts'

/** What is known of a cache mount besides its contents; its mtime is when it was last let go of. */
const RECORD = 'mount.json'

/** What one is called that is not there yet, or no more. */
const GONE = '.gone-'

/** Opens the cache mounts under a directory, which is made when the first of them is. */
export function openCacheMounts(root: string): CacheMounts {
  return {
    acquire: (name, options, call) => acquire(join(root, keyOf(name)), name, options, call),
    list: () => namesIn(root).flatMap((key) => describe(root, key) ?? []),
    replace: (name, made) => replace(root, name, made),
    remove: (key) => remove(root, key),
    sweep: () => sweep(root),
  }
}

function keyOf(name: CacheMountName): string {
  return digestData(nameOf(name)).slice(7, 39)
}

/** The members of a name, whatever else is known. */
function nameOf({ id, namespace, seed, mode, uid, gid }: CacheMountName): CacheMountName {
  return { id, namespace, mode, uid, gid, ...(seed === undefined ? {} : { seed }) }
}

async function acquire(
  directory: string,
  name: CacheMountName,
  options: AcquireOptions,
  call?: Call,
): Promise<HeldCacheMount> {
  for (;;) {
    record(directory, name)
    const held = options.sharing === 'private' ? takeFree(directory) : await takeFirst(directory, options, call)
    // Pruned between the look and the lock: the lock is on a file that is no more.
    if (!held) continue
    try {
      await prepare(held.path, name, options)
    } catch (error) {
      held.lock.release()
      throw error
    }
    return { path: held.path, [Symbol.dispose]: () => letGo(directory, held.lock) }
  }
}

interface Held {
  readonly path: string
  readonly lock: FileLock
}

/** The directory that all share; alone where the mount is `locked`. */
async function takeFirst(directory: string, { sharing }: AcquireOptions, call?: Call): Promise<Held | undefined> {
  const path = join(directory, '0')
  try {
    return standing(path, await lock(`${path}.lock`, { shared: sharing === 'shared' }, call))
  } catch (error) {
    return gone(error)
  }
}

/** The first directory that nobody has; a new one when all are taken. */
function takeFree(directory: string): Held | undefined {
  try {
    for (let slot = 0; ; slot++) {
      const path = join(directory, String(slot))
      const taken = tryLock(`${path}.lock`)
      if (taken) return standing(path, taken)
    }
  } catch (error) {
    return gone(error)
  }
}

function standing(path: string, taken: FileLock): Held | undefined {
  if (fstatSync(taken.fd).nlink > 0) return { path, lock: taken }
  taken.release()
  return undefined
}

function gone(error: unknown): undefined {
  if (isErrno(error, 'ENOENT')) return undefined
  throw error
}

/** A cache mount's own directory appears with its record in it. */
function record(directory: string, name: CacheMountName): void {
  if (existsSync(directory)) return
  const root = dirname(directory)
  const made = join(root, `${GONE}${crypto.randomUUID()}`)
  mkdirSync(made, { recursive: true, mode: 0o700 })
  writeFileSync(join(made, RECORD), JSON.stringify({ ...nameOf(name), created: Date.now() }))
  try {
    renameAt(AT_FDCWD, made, AT_FDCWD, directory, { exclusive: true })
  } catch (error) {
    rmSync(made, { recursive: true, force: true })
    // Somebody else was first; or took this for what a removal left, and it is made again.
    if (!isErrno(error, 'EEXIST', 'ENOENT')) throw error
  }
}

/** A new directory is made elsewhere and appears whole: of two that make one, the first wins. */
async function prepare(path: string, { mode, uid, gid }: CacheMountName, options: AcquireOptions): Promise<void> {
  if (existsSync(path)) return
  mkdirSync(options.workDir, { recursive: true, mode: 0o700 })
  const made = join(options.workDir, `cache-${crypto.randomUUID()}`)
  mkdirSync(made)
  try {
    await options.fill?.(made)
    chownSync(made, uid, gid)
    chmodSync(made, mode)
    renameAt(AT_FDCWD, made, AT_FDCWD, path, { exclusive: true })
  } catch (error) {
    rmSync(made, { recursive: true, force: true })
    if (!isErrno(error, 'EEXIST')) throw error
  }
}

function letGo(directory: string, held: FileLock): void {
  const now = new Date()
  try {
    utimesSync(join(directory, RECORD), now, now)
  } finally {
    held.release()
  }
}

function describe(root: string, key: string): CacheMountInfo | undefined {
  const directory = join(root, key)
  try {
    const known = JSON.parse(readFileSync(join(directory, RECORD), 'utf8')) as CacheMountName & { created: number }
    const used = statSync(join(directory, RECORD)).mtimeMs
    const slots = slotsIn(directory)
    const paths = slots.map((slot) => join(directory, slot)).filter((path) => existsSync(path))
    const locks = takeAll(directory)
    for (const taken of locks ?? []) taken.release()
    return { ...known, key, paths, used, inUse: locks === undefined }
  } catch (error) {
    // Half made, or being removed.
    if (isErrno(error, 'ENOENT', 'ENOTDIR') || error instanceof SyntaxError) return undefined
    throw error
  }
}

function slotsIn(directory: string): string[] {
  return namesIn(directory)
    .flatMap((name) => /^(\d+)\.lock$/.exec(name)?.[1] ?? [])
    .toSorted((a, b) => Number(a) - Number(b))
}

/** Every slot's lock, or none when one of them is taken. */
function takeAll(directory: string): FileLock[] | undefined {
  const locks: FileLock[] = []
  for (const slot of slotsIn(directory)) {
    const taken = tryLock(join(directory, `${slot}.lock`))
    if (taken) {
      locks.push(taken)
      continue
    }
    for (const other of locks) other.release()
    return undefined
  }
  return locks
}

function remove(root: string, key: string): boolean {
  const directory = join(root, key)
  if (!/^[0-9a-f]{32}$/.test(key) || !existsSync(directory)) return false
  const locks = takeAll(directory)
  if (!locks) return false
  try {
    // Out of sight in one go: a removal that is killed leaves no cache with holes in it.
    renameSync(directory, join(root, `${GONE}${crypto.randomUUID()}`))
    sweep(root)
    return true
  } finally {
    for (const taken of locks) taken.release()
  }
}

function replace(root: string, name: CacheMountName, made: string): boolean {
  const directory = join(root, keyOf(name))
  record(directory, name)
  const taken = tryLock(join(directory, '0.lock'))
  if (!taken) return false
  try {
    const path = join(directory, '0')
    if (existsSync(path)) renameSync(path, join(root, `${GONE}${crypto.randomUUID()}`))
    renameSync(made, path)
    sweep(root)
    return true
  } finally {
    letGo(directory, taken)
  }
}

/** Deletes what removals have put aside, killed ones included. */
function sweep(root: string): void {
  for (const name of namesIn(root))
    if (name.startsWith(GONE)) rmSync(join(root, name), { recursive: true, force: true })
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}
