import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { streamOf, type ByteStream, type Call } from '#base'
import { withRootTar, type BuiltImage } from '#build'
import { readTar, safePath, writeTar, type TarInput } from '#codec'
import { formatPlatform } from '#oci'
import { writeWhole } from '../../transport/writewhole.ts'
import type { OutputSession } from './session.ts'
import type { DirectoryOutput, TarOutput } from './types.ts'

/** Files that stand beside the root file system: attestations, by name. */
export type Extras = (image: BuiltImage) => ReadonlyMap<string, Uint8Array>

/** Copies the root file system into a directory. The files belong to whoever builds. */
export async function directoryOutput(
  session: OutputSession,
  output: DirectoryOutput,
  extras: Extras,
  call?: Call,
): Promise<void> {
  const kept = new Map<string, Set<string>>()
  for (const image of session.result.images) {
    const dest = join(resolve(output.dest), prefixOf(session, image, output.platformSplit))
    mkdirSync(dest, { recursive: true })
    const paths = kept.get(dest) ?? new Set()
    kept.set(dest, paths)
    const more = extras(image)
    await withRootTar(
      session.host,
      image.layers,
      (tar) => session.host.differ.apply(writeTar(members(tar, { own: true, paths, more }), call), dest, call),
      call,
    )
  }
  if (output.mode === 'delete') for (const [dest, paths] of kept) removeOthers(dest, '', paths)
}

/** Writes the root file system, or that of every platform, as one tar. */
export async function tarOutput(session: OutputSession, output: TarOutput, extras: Extras, call?: Call): Promise<void> {
  const { images } = session.result
  const write = async (tars: readonly ByteStream[]): Promise<void> => {
    const tar = writeTar(allMembers(session, { tars, extras, split: output.platformSplit }), call)
    await (typeof output.dest === 'string' ? writeWhole(output.dest, tar) : output.dest(tar))
  }
  // Each is mounted for as long as the last is read.
  const nested = async (tars: readonly ByteStream[]): Promise<void> => {
    const next = images[tars.length]
    if (!next) return write(tars)
    await withRootTar(session.host, next.layers, (tar) => nested([...tars, tar]), call)
  }
  await nested([])
}

async function* allMembers(
  session: OutputSession,
  from: { readonly tars: readonly ByteStream[]; readonly extras: Extras; readonly split: boolean | undefined },
): AsyncGenerator<TarInput, void, void> {
  for (const [i, image] of session.result.images.entries()) {
    const prefix = prefixOf(session, image, from.split)
    yield* members(from.tars[i]!, { prefix, more: from.extras(image) })
  }
}

interface MemberOptions {
  readonly prefix?: string
  /** Everything belongs to this process. */
  readonly own?: boolean
  /** Gets the path of every member. */
  readonly paths?: Set<string>
  readonly more: ReadonlyMap<string, Uint8Array>
}

async function* members(tar: ByteStream, options: MemberOptions): AsyncGenerator<TarInput, void, void> {
  const { prefix = '', own, paths, more } = options
  const place = (path: string): string => (prefix === '' ? path : `${prefix}/${path}`)
  const owner = own ? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } : {}
  if (prefix !== '')
    yield { entry: { type: 'directory', path: prefix, mode: 0o755, uid: 0, gid: 0, mtime: 0n, size: 0 } }
  for await (const { entry, data } of readTar(tar)) {
    const { dataOffset: _offset, storedSize: _stored, sparse: _sparse, ...rest } = entry
    const path = safePath(entry.path)
    if (path === '' && (own || prefix !== '')) continue
    paths?.add(path)
    const link = entry.type === 'hardlink' && entry.linkname !== undefined ? { linkname: place(entry.linkname) } : {}
    yield { entry: { ...rest, ...owner, ...link, path: place(path) }, ...(entry.type === 'file' ? { data } : {}) }
  }
  for (const [name, bytes] of more) {
    paths?.add(name)
    const entry = {
      type: 'file',
      path: place(name),
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 0n,
      size: bytes.length,
    } as const
    yield { entry: { ...entry, ...owner }, data: streamOf(bytes) }
  }
}

/** `linux_arm64`, where each platform has a directory of its own. */
function prefixOf({ result }: OutputSession, { platform }: BuiltImage, split: boolean | undefined): string {
  return (split ?? result.images.length > 1) ? formatPlatform(platform).replaceAll('/', '_') : ''
}

/** Takes away what the result does not have; links are not followed. */
function removeOthers(root: string, path: string, keep: ReadonlySet<string>): void {
  for (const name of readdirSync(join(root, path))) {
    const child = path === '' ? name : `${path}/${name}`
    const at = join(root, child)
    if (!keep.has(child)) rmSync(at, { recursive: true, force: true })
    else if (lstatSync(at).isDirectory()) removeOthers(root, child, keep)
  }
}
