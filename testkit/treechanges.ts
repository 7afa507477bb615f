import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs'
import { closeSync, constants, lchownSync, linkSync, lutimesSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { AT_FDCWD, FileType, lstat, mknodAt, readXattrs, setXattr } from '#sys'

export interface ReadTreeOptions {
  /** Leave directories' modification times out: whatever touches a directory's entries changes them. */
  readonly withoutDirectoryTimes?: boolean
  /** Leave out xattrs that start so. */
  readonly withoutXattrs?: readonly string[]
}

/**
 * Everything that a directory tree is, as lines of text by path: type, mode, owner, time, size and
 * digest, link target, device, xattrs, and which paths are one file. Two trees are equal exactly
 * when their maps are.
 */
export function readTree(root: string, options: ReadTreeOptions = {}): Map<string, string> {
  const tree = new Map<string, string>()
  const firstPath = new Map<string, string>()
  const visit = (path: string): void => {
    const full = join(root, path)
    const stat = lstatSync(full, { bigint: true })
    const words = [typeOf(Number(stat.mode)), (Number(stat.mode) & 0o7777).toString(8), stat.uid, stat.gid]
    const timeless = stat.isDirectory() && (options.withoutDirectoryTimes || path === '')
    if (!timeless) words.push(`@${stat.mtimeNs}`)
    if (stat.isFile()) words.push(stat.size, createHash('sha256').update(readFileSync(full)).digest('hex').slice(0, 16))
    if (stat.isSymbolicLink()) words.push(`-> ${readlinkSync(full)}`)
    if (stat.isCharacterDevice() || stat.isBlockDevice()) words.push(`dev ${stat.rdev}`)
    for (const [name, value] of [...readXattrs(full)].sort(([a], [b]) => (a < b ? -1 : 1)))
      if (!options.withoutXattrs?.some((prefix) => name.startsWith(prefix))) words.push(`${name}=${value.toHex()}`)
    if (!stat.isDirectory() && stat.nlink > 1n) {
      const id = `${stat.dev}:${stat.ino}`
      const first = firstPath.get(id)
      if (first === undefined) firstPath.set(id, path)
      else words.push(`= ${first}`)
    }
    tree.set(path, words.join(' '))
    if (stat.isDirectory()) for (const name of readdirSync(full).sort()) visit(path === '' ? name : `${path}/${name}`)
  }
  visit('')
  return tree
}

function typeOf(mode: number): string {
  return Object.entries(FileType).find(([name, bits]) => name !== 'mask' && bits === (mode & FileType.mask))?.[0] ?? '?'
}

/** One change to a tree of few names, so that changes meet. */
export interface TreeChange {
  readonly kind: (typeof CHANGES)[number]
  readonly path: string
  readonly other: string
  readonly number: number
}

const CHANGES = [
  'mkdir', 'mkdir', 'mkdir', 'write', 'write', 'write', 'append', 'truncate', 'symlink', 'link', 'link', 'remove', 'remove',
  'chmod', 'chown', 'xattr', 'capability', 'acl', 'times', 'rename', 'device', 'fifo', 'replace',
] as const // prettier-ignore

/** Changes that usually make the directory they need. */
const MAKES: ReadonlySet<TreeChange['kind']> = new Set(['write', 'symlink', 'link', 'device', 'fifo', 'rename'])

const NAMES = ['a', 'b', 'c', 'é~ x', 'n'.repeat(120)]

/** Random changes for property tests. */
export function treeChanges(maxLength: number): fc.Arbitrary<TreeChange[]> {
  const path = fc
    .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3, size: 'max' })
    .map((parts) => parts.join('/'))
  const change = fc.record({ kind: fc.constantFrom(...CHANGES), path, other: path, number: fc.nat(0xffff) })
  return fc.array(change, { maxLength, size: 'max' })
}

/** Makes the changes that can be made; those that the tree's state forbids are passed over. */
export function changeTree(root: string, changes: readonly TreeChange[]): void {
  for (const change of changes) {
    try {
      make(root, change)
    } catch {
      continue // no such file, not a directory, in use: another change's turn
    }
  }
}

function make(root: string, { kind, path, other, number }: TreeChange): void {
  const full = join(root, path)
  const second = join(root, other)
  if (number % 3 > 0 && MAKES.has(kind)) mkdirSync(dirname(full), { recursive: true })
  switch (kind) {
    case 'mkdir':
      return void mkdirSync(full, { recursive: number % 2 === 0 })
    case 'write':
      return write(full, `${number} `.repeat(number % 1000), constants.O_TRUNC)
    case 'append':
      return write(full, `more ${number}`, constants.O_APPEND)
    case 'truncate':
      return write(full, '', constants.O_TRUNC)
    case 'symlink':
      return symlinkSync(number % 3 === 0 ? `/${other}` : `../${other}`, full)
    case 'link':
      return linkSync(second, full)
    case 'remove':
      return rmSync(full, { recursive: true })
    case 'chmod':
      return chmodSync(full, number & 0o7777)
    case 'chown':
      return lchownSync(full, number, number >> 3)
    case 'times':
      return lutimesSync(full, number, number + 0.25)
    case 'rename':
      return renameSync(full, second)
    case 'fifo':
      return mknodAt(AT_FDCWD, full, FileType.fifo | 0o600)
    case 'device':
      return mknodAt(AT_FDCWD, full, FileType.chardev | 0o600, 400 + (number % 100), number % 5000)
    case 'replace':
      rmSync(full, { recursive: true })
      return mkdirSync(full)
    default:
      return attribute(full, kind, number)
  }
}

/** Never waits for a fifo's other end. */
function write(full: string, text: string, flag: number): void {
  const fd = openSync(full, constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK | flag, 0o644)
  try {
    writeSync(fd, text)
  } finally {
    closeSync(fd)
  }
}

function attribute(full: string, kind: 'xattr' | 'capability' | 'acl', number: number): void {
  const type = (lstat(full)?.mode ?? 0) & FileType.mask
  if (type !== FileType.file && type !== FileType.directory) return
  if (kind === 'xattr') setXattr(full, `user.n${number % 3}`, new Uint8Array([number & 0xff, 0, 0x0a, 0x3d]))
  // cap_net_bind_service=ep, revision 2 of the format
  else if (kind === 'capability' && type === FileType.file)
    setXattr(full, 'security.capability', Uint8Array.fromHex('0100000200040000000000000000000000000000'))
  // user::rwx user:NUMBER:r-- group::r-x mask::rwx other::r--, in the kernel's form
  else if (kind === 'acl') setXattr(full, 'system.posix_acl_access', acl(number))
}

function acl(user: number): Uint8Array {
  const entries = [
    [1, 7, 0xffffffff],
    [2, 4, user],
    [4, 5, 0xffffffff],
    [16, 7, 0xffffffff],
    [32, 4, 0xffffffff],
  ]
  const bytes = new DataView(new ArrayBuffer(4 + entries.length * 8))
  bytes.setUint32(0, 2, true)
  for (const [i, [tag = 0, permissions = 0, id = 0]] of entries.entries()) {
    bytes.setUint16(4 + i * 8, tag, true)
    bytes.setUint16(6 + i * 8, permissions, true)
    bytes.setUint32(8 + i * 8, id, true)
  }
  return new Uint8Array(bytes.buffer)
}

/**
 * A bound on a property test's time: from then on its cases pass unlooked at. fast-check's own
 * bound walks away from a case that is still running, and from the directories that it made.
 */
export function timeBox(milliseconds: number): () => boolean {
  const end = performance.now() + milliseconds
  return () => performance.now() > end
}
