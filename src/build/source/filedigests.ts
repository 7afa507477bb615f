import { readSync } from 'node:fs'
import { fail } from '#base'
import { encodeName } from '#codec'
import type { Database } from '#content'
import type { Digest } from '#oci'
import { close } from '#sys'
import { FileHash } from '../digest.ts'
import { DirectoryDigests } from './directorydigests.ts'
import { baseOf, parentOf, type SourceTree, type TreeNode } from './tree.ts'

/** A directory's records in order of names, some in each row; the tables that go held them together, and as text. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS build_context (
  path TEXT PRIMARY KEY,
  used INTEGER NOT NULL
) WITHOUT ROWID;
DROP TABLE IF EXISTS build_context_directory;
DROP TABLE IF EXISTS build_context_digests;
CREATE TABLE IF NOT EXISTS build_context_files (
  context TEXT NOT NULL REFERENCES build_context (path) ON DELETE CASCADE,
  directory TEXT NOT NULL,
  first BLOB NOT NULL,
  files BLOB NOT NULL,
  PRIMARY KEY (context, directory, first)
) WITHOUT ROWID`

/** Bytes of records in a row: about three hundred files. */
const ROW = 32 << 10

/** Contexts that are remembered; the longest unused one goes first. */
const CONTEXTS = 64

/**
 * A file changed this shortly (ns) before it was read may change again within one tick of the file system's clock: it is
 * read again whenever it is asked for, and a build that has then seen two versions of it fails.
 */
const RACY = 20_000_000n

/** Some of a directory's files. */
interface Part {
  readonly path: string
  /** Names from this on, which is empty for the first; up to `next`, if there is one. */
  readonly first: Uint8Array
  readonly next: Uint8Array | undefined
  readonly files: DirectoryDigests
}

/**
 * Digests of a context's files, remembered between builds by path, size, mtime, ctime and inode: an unchanged file is
 * never read again. Only this look-up sees times; keys see the digests. Kept by directory, some files together, and held
 * only on the way from the root to the file that was asked for last, so that a large context costs no more memory than a
 * small one.
 */
export class FileDigests {
  readonly #db: Database
  readonly #tree: SourceTree
  readonly #context: string
  readonly #open: Part[] = []
  #changed = false

  constructor(db: Database, context: string, tree: SourceTree) {
    this.#db = db
    this.#tree = tree
    this.#context = context
    db.schema(SCHEMA)
  }

  digest(node: TreeNode): Digest {
    const name = baseOf(node.path)
    const { files } = this.#part(parentOf(node.path), encodeName(name))
    const known = files.get(name, node.stat)
    if (known !== undefined) return known
    const now = BigInt(Date.now()) * 1_000_000n
    const digest = hashFile(this.#tree, node)
    if (node.stat.ctime + RACY < now) files.set(name, node.stat, digest)
    return digest
  }

  /** Remembers what this build learnt; files that it did not look at are kept as they were. */
  save(): void {
    for (const part of this.#open.splice(0)) this.#store(part)
    if (!this.#changed) return
    this.#db.run(
      'DELETE FROM build_context WHERE path NOT IN (SELECT path FROM build_context ORDER BY used DESC LIMIT ?)',
      CONTEXTS,
    )
  }

  /** The part of a directory that a name belongs to. */
  #part(path: string, name: Uint8Array): Part {
    for (let last = this.#open.at(-1); last && !isWithin(path, last.path); last = this.#open.at(-1)) this.#leave(last)
    const last = this.#open.at(-1)
    if (last?.path === path) {
      if (isIn(last, name) && last.files.size < 2 * ROW) return last
      this.#leave(last)
    }
    const part = this.#load(path, name)
    this.#open.push(part)
    return part
  }

  #leave(last: Part): void {
    this.#store(last)
    this.#open.pop()
  }

  #load(path: string, name: Uint8Array): Part {
    const rows = 'SELECT first, files FROM build_context_files WHERE context = ? AND directory = ? AND first'
    const find = (rest: string): Row | undefined => this.#db.get<Row>(`${rows} ${rest}`, this.#context, path, name)
    const row = find('<= ? ORDER BY first DESC LIMIT 1')
    // Every row but the last is full.
    const next = row && row.files.length >= ROW ? find('> ? ORDER BY first LIMIT 1')?.first : undefined
    return { path, first: row?.first ?? new Uint8Array(0), next, files: new DirectoryDigests(row?.files) }
  }

  #store({ path, first, files }: Part): void {
    if (!files.changed) return
    this.#db.immediate(() => {
      if (!this.#changed)
        this.#db.run(
          'INSERT INTO build_context (path, used) VALUES (?1, ?2) ON CONFLICT (path) DO UPDATE SET used = ?2',
          this.#context,
          Date.now(),
        )
      for (const [index, piece] of files.pieces(ROW).entries())
        this.#db.run(
          'INSERT INTO build_context_files (context, directory, first, files) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET files = ?4',
          this.#context,
          path,
          // What comes before the first name belongs to it.
          index === 0 ? first : piece.first,
          piece.records,
        )
    })
    this.#changed = true
  }
}

interface Row {
  readonly first: Uint8Array
  readonly files: Uint8Array
}

function isIn({ first, next }: Part, name: Uint8Array): boolean {
  return Buffer.compare(name, first) >= 0 && (!next || Buffer.compare(name, next) < 0)
}

function isWithin(path: string, directory: string): boolean {
  return directory === '' || path === directory || path.startsWith(`${directory}/`)
}

const CHUNK = 1 << 20
let buffer: Uint8Array | undefined

/** SHA-256 of a file's bytes as they are now. */
export function hashFile(tree: SourceTree, node: TreeNode): Digest {
  const fd = tree.open(node.path)
  buffer ??= new Uint8Array(CHUNK)
  const hash = new FileHash(node.stat.size)
  let size = 0
  try {
    for (;;) {
      const length = readSync(fd, buffer, 0, CHUNK, null)
      if (length === 0) break
      size += length
      hash.update(buffer.subarray(0, length))
    }
  } finally {
    close(fd)
  }
  if (size !== node.stat.size) fail('failed_precondition', `${node.path} changed while it was read`)
  return hash.digest()
}
