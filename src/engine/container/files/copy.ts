import { posix, resolve } from 'node:path'
import { fail, type ByteStream, type Call } from '#base'
import { resolveUser } from '#runtime'
import type { ExtractOptions } from '#snapshot'
import { close, fileSystem, FileSystemMagic, FileType, isErrno, O, openPath, statAt } from '#sys'
import type { Parts } from '../../parts.ts'
import type { CopyFilesOptions } from '../../types.ts'
import { assertsDirectory, findPlace, isDirectory, kind, type Place } from './place.ts'
import { openRoot, type OpenRoot } from './root.ts'

/** A container's file or directory as a tar, under its own name; with `/.` at the path's end what is in the directory. */
export async function* archive(
  parts: Parts,
  ref: string,
  path: string,
  options: CopyFilesOptions = {},
  call?: Call,
): AsyncGenerator<Uint8Array, void, void> {
  const differ = await parts.differ()
  using root = await openRoot(parts, ref, call)
  using source = containerSource(root, path, options)
  // Docker names what a symlink led to by its own name here.
  const as = options.follow && source.name !== '.' ? source.name : nameOf(path)
  yield* differ.archive(source, as, call)
}

/** Makes the files of a tar in a container's directory. */
export async function extract(
  parts: Parts,
  ref: string,
  path: string,
  tar: ByteStream,
  options: CopyFilesOptions = {},
  call?: Call,
): Promise<void> {
  using root = await openRoot(parts, ref, call)
  using target = targetAt(root.fd, containerPath(path))
  if (!target || !isDirectory(target.stat)) fail('invalid_argument', `destination "${ref}:${path}" must be a directory`)
  await fill(parts, root, tar, joined(target), options, call)
}

/** Copies out of a container. Answers the bytes of the tar that went over. */
export async function copyOut(
  parts: Parts,
  ref: string,
  path: string,
  destination: string,
  options: CopyFilesOptions = {},
  call?: Call,
): Promise<number> {
  const differ = await parts.differ()
  using root = await openRoot(parts, ref, call)
  using source = containerSource(root, path, options)
  using host = hostRoot()
  using target =
    targetAt(host.fd, hostPath(destination)) ??
    fail('not_found', `invalid output path: directory "${resolve(destination, '..')}" does not exist`)
  const { under, as } = planCopy({ path, isDirectory: isDirectory(source.stat) }, { path: destination, place: target })
  const { stream, size } = counted(differ.archive(source, as, call))
  const owner = { uid: process.getuid!(), gid: process.getgid!() }
  await differ.extract(stream, '/', { under, ...(!options.archive && { owner }) }, call)
  return size()
}

/** Copies into a container. Answers the bytes of the tar that went over. */
export async function copyIn(
  parts: Parts,
  ref: string,
  source: string,
  path: string,
  options: CopyFilesOptions = {},
  call?: Call,
): Promise<number> {
  const differ = await parts.differ()
  using host = hostRoot()
  using from = hostSource(host.fd, source, options)
  using root = await openRoot(parts, ref, call)
  const inside = containerPath(path)
  using target = targetAt(root.fd, inside) ?? missing(ref, posix.dirname(inside))
  const { under, as } = planCopy({ path: source, isDirectory: isDirectory(from.stat) }, { path: inside, place: target })
  const { stream, size } = counted(differ.archive(from, as, call))
  await fill(parts, root, stream, under, options, call)
  return size()
}

/** By docker's rules: where the files go, and what the first of them is called there; empty for a directory's content alone. */
function planCopy(
  source: { readonly path: string; readonly isDirectory: boolean },
  target: { readonly path: string; readonly place: Place },
): { readonly under: string; readonly as: string } {
  const { path, place } = target
  if (isDirectory(place.stat)) return { under: joined(place), as: nameOf(source.path) }
  if (place.stat && source.isDirectory) fail('invalid_argument', `cannot copy directory: ${path} is none`)
  if (!source.isDirectory && assertsDirectory(path)) fail('not_found', `no such directory: ${path}`)
  return { under: place.path, as: place.name }
}

/** The name of what a path means in an archive of it. */
function nameOf(path: string): string {
  return /(^|\/)\.$/.test(path) ? '' : posix.basename(posix.normalize(path)).replace(/^\/$|^\.{1,2}$/, '')
}

function joined({ path, name }: Place): string {
  return name === '.' ? path : `${path}/${name}`
}

/** As docker reads it: from the root, `..` by the letter; what is said by its end stays said. */
function containerPath(path: string): string {
  const end = /\/\.?$/.exec(path)?.[0] ?? ''
  const clean = posix.normalize(`/${path}`).replace(/\/$/, '')
  return clean + end || '/'
}

function hostPath(path: string): string {
  return containerPath(resolve(path) + (/\/\.?$/.exec(path)?.[0] ?? ''))
}

function containerSource(root: OpenRoot, path: string, options: CopyFilesOptions): Place {
  const { name } = root.record
  const found = sourceAt(root.fd, containerPath(path), options)
  if (!found) return missing(name, path)
  if (KERNELS.has(fileSystem(`/proc/self/fd/${found.directory}`).type)) {
    found[Symbol.dispose]()
    fail('invalid_argument', `${path} is made up by the kernel when it is read: it cannot be copied`, {
      hint: `cairn exec ${name} cat ${path}`,
    })
  }
  return found
}

const KERNELS: ReadonlySet<number> = new Set([FileSystemMagic.proc, FileSystemMagic.sysfs])

function hostSource(root: number, path: string, options: CopyFilesOptions): Place {
  return (
    sourceAt(root, hostPath(path), options) ?? fail('not_found', `lstat ${resolve(path)}: no such file or directory`)
  )
}

/** Where something is to go; undefined when the directory that it would be in is not there. */
function targetAt(root: number, path: string): Place | undefined {
  return findPlace(root, bare(path), { follow: true })
}

function bare(path: string): string {
  return path.replace(/(.)\/\.?$/, '$1')
}

/** What is to be copied, undefined when nothing is there. */
function sourceAt(root: number, path: string, { follow = false }: CopyFilesOptions): Place | undefined {
  const directory = assertsDirectory(path)
  const found = findPlace(root, bare(path), { follow: follow || directory })
  const refuse = (why: string): never => {
    found?.[Symbol.dispose]()
    return fail('invalid_argument', `${path}: ${why}`)
  }
  if (!found?.stat) {
    found?.[Symbol.dispose]()
    return undefined
  }
  if (directory && !isDirectory(found.stat)) return refuse('not a directory')
  if (kind(found.stat) === FileType.socket) return refuse('a socket cannot be copied')
  return found
}

function missing(container: string, path: string): never {
  return fail('not_found', `could not find the file ${path} in container ${container}`)
}

/** This machine's own root, as its processes see it. */
function hostRoot(): Disposable & { readonly fd: number } {
  const fd = openPath('/', O.PATH | O.DIRECTORY)
  return { fd, [Symbol.dispose]: () => close(fd) }
}

function counted(tar: ByteStream): { readonly stream: ByteStream; readonly size: () => number } {
  let bytes = 0
  async function* count(): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of tar) {
      bytes += chunk.length
      yield chunk
    }
  }
  return { stream: count(), size: () => bytes }
}

async function fill(
  parts: Parts,
  { fd, record }: OpenRoot,
  tar: ByteStream,
  under: string,
  options: CopyFilesOptions,
  call?: Call,
): Promise<void> {
  const { config, name } = record
  const root = `/proc/self/fd/${fd}`
  using target = findPlace(fd, `${under}/.`, { follow: true })
  // The root of a container that does not run is mounted here, and could be written.
  const isRoot = target?.stat?.dev === statAt(fd, '')?.dev
  if (config.options.readonlyRoot && isRoot)
    fail('failed_precondition', `the root file system of container ${name} is read-only`)
  const differ = await parts.differ()
  const into: ExtractOptions = {
    under,
    ...(options.archive && config.user !== '' && { owner: resolveUser(root, config.user) }),
  }
  try {
    await differ.extract(tar, root, into, call)
  } catch (error) {
    if (!isErrno((error as Error).cause, 'EROFS')) throw error
    fail('failed_precondition', `${under || '/'} in container ${name} is read-only`, { cause: error })
  }
}
