import { opaquePath, whiteoutPath, type TarEntry, type TarMember } from '#codec'
import type { DirectoryNode, FileNode, Node } from './tree.ts'

/** An entry of a fix-up; a file's bytes are those of the member that made it, wherever that lies. */
export interface FixUpEntry {
  readonly entry: TarEntry
  readonly content?: TarMember
}

/**
 * The layer that, laid over `shown`, shows `wanted`. Directories above a difference are described
 * as they should be; a file that differs brings all its names along, so that they stay one file.
 */
export function differences(wanted: DirectoryNode, shown: DirectoryNode): FixUpEntry[] {
  const names = namesOfFiles(wanted)
  const forced = new Set<TarMember>()
  // A file comes in for one name; its other names then differ too. Nothing else follows from that.
  visit(wanted, shown, (file) => (names.get(file) ?? 0) > 1 && forced.add(file))
  const entries: FixUpEntry[] = []
  const writer = new Writer(entries, forced)
  writer.directory('', wanted, shown)
  return entries
}

function namesOfFiles(root: DirectoryNode): Map<TarMember, number> {
  const names = new Map<TarMember, number>()
  const count = (node: Node): void => {
    if (node.kind === 'file') names.set(node.file, (names.get(node.file) ?? 0) + 1)
    else if (node.kind === 'directory') for (const child of node.entries.values()) count(child)
  }
  count(root)
  return names
}

/** Calls back for every file that has to be brought. */
function visit(wanted: DirectoryNode, shown: DirectoryNode | undefined, differs: (file: TarMember) => void): void {
  for (const [name, node] of wanted.entries) {
    const other = shown?.entries.get(name)
    if (node.kind === 'directory') visit(node, other?.kind === 'directory' ? other : undefined, differs)
    else if (node.kind === 'file' && !isSameFile(node, other)) differs(node.file)
  }
}

function isSameFile(node: FileNode, other: Node | undefined): boolean {
  return other?.kind === 'file' && other.file === node.file
}

class Writer {
  readonly #entries: FixUpEntry[]
  readonly #forced: ReadonlySet<TarMember>
  readonly #written = new Map<TarMember, string>()

  constructor(entries: FixUpEntry[], forced: ReadonlySet<TarMember>) {
    this.#entries = entries
    this.#forced = forced
  }

  /** Both have the directory: its own description if that or anything in it differs. True if so. */
  directory(path: string, wanted: DirectoryNode, shown: DirectoryNode): boolean {
    const place = this.#entries.length
    let differs = path !== '' && !isSameDescription(wanted.about, shown.about)
    for (const name of shown.entries.keys())
      if (!wanted.entries.has(name)) {
        this.#entries.push({ entry: marker(whiteoutPath(join(path, name))) })
        differs = true
      }
    for (const [name, node] of sorted(wanted.entries)) {
      const other = shown.entries.get(name)
      const child = join(path, name)
      if (node.kind === 'directory' && other?.kind === 'directory')
        differs = this.directory(child, node, other) || differs
      else if (node.kind === 'directory') {
        this.#whole(child, node)
        differs = true
      } else if (node.kind === 'file' && (!isSameFile(node, other) || this.#forced.has(node.file))) {
        this.#file(child, node)
        differs = true
      }
    }
    if (differs && path !== '') this.#entries.splice(place, 0, { entry: describe(path, wanted.about) })
    return differs
  }

  /** A directory that is not shown at all, and hides what might lie deeper down. */
  #whole(path: string, wanted: DirectoryNode): void {
    this.#entries.push({ entry: describe(path, wanted.about) }, { entry: marker(opaquePath(path)) })
    for (const [name, node] of sorted(wanted.entries)) {
      if (node.kind === 'directory') this.#whole(join(path, name), node)
      else if (node.kind === 'file') this.#file(join(path, name), node)
    }
  }

  #file(path: string, { file }: FileNode): void {
    const first = this.#written.get(file)
    const { sparse: _, ...entry } = { ...file, path }
    if (first !== undefined) this.#entries.push({ entry: { ...entry, type: 'hardlink', linkname: first, size: 0 } })
    else {
      this.#written.set(file, path)
      this.#entries.push(file.type === 'file' ? { entry, content: file } : { entry })
    }
  }
}

const IMPLIED: Omit<TarEntry, 'path'> = { type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0n, size: 0 }

function describe(path: string, about: TarMember | undefined): TarEntry {
  return { ...(about ?? IMPLIED), path }
}

function marker(path: string): TarEntry {
  return { type: 'file', path, mode: 0, uid: 0, gid: 0, mtime: 0n, size: 0 }
}

function isSameDescription(a: TarMember | undefined, b: TarMember | undefined): boolean {
  if (a === b) return true
  const text = (member: TarMember | undefined): string => {
    const { mode, uid, gid, mtime, xattrs } = member ?? { ...IMPLIED, xattrs: undefined }
    const pairs = [...(xattrs ?? [])].map(([name, value]) => `${name}=${value.toHex()}`).sort()
    return [mode, uid, gid, mtime, ...pairs].join(' ')
  }
  return text(a) === text(b)
}

function sorted(entries: ReadonlyMap<string, Node>): [string, Node][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}
