import { readSync } from 'node:fs'
import { fail } from '#base'
import type { Database } from '#content'
import type { Digest } from '#oci'
import { close } from '#sys'
import { DirectoryDigests } from './directorydigests.ts'
import { baseOf, parentOf, type SourceTree, type TreeNode } from './tree.ts'

/** The table that goes held the same as text. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS build_context (
  path TEXT PRIMARY KEY,
  used INTEGER NOT NULL
) WITHOUT ROWID;
DROP TABLE IF EXISTS build_context_directory;
CREATE TABLE IF NOT EXISTS build_context_digests (
  context TEXT NOT NULL REFERENCES build_context (path) ON DELETE CASCADE,
  directory TEXT NOT NULL,
  files BLOB NOT NULL,
  PRIMARY KEY (context, directory)
) WITHOUT ROWID`

/** Contexts that are remembered; the longest unused one goes first. */
const CONTEXTS = 64

/**
 * A file changed this shortly (ns) before it was read may change again within one tick of the file system's clock: it is
 * read again whenever it is asked for, and a build that has then seen two versions of it fails.
 */
const RACY = 20_000_000n

interface Directory {
  readonly path: string
  readonly files: DirectoryDigests
}

/**
 * Digests of a context's files, remembered between builds by path, size, mtime, ctime and inode: an unchanged file is
 * never read again. Only this look-up sees times; keys see the digests. Kept by directory and held only on the way from
 * the root to the file that was asked for last, so that a large context costs no more memory than a small one.
 */
export class FileDigests {
  readonly #db: Database
  readonly #tree: SourceTree
  readonly #context: string
  readonly #open: Directory[] = []
  #changed = false

  constructor(db: Database, context: string, tree: SourceTree) {
    this.#db = db
    this.#tree = tree
    this.#context = context
    db.schema(SCHEMA)
  }

  digest(node: TreeNode): Digest {
    const { files } = this.#directory(parentOf(node.path))
    const name = baseOf(node.path)
    const known = files.get(name, node.stat)
    if (known !== undefined) return known
    const now = BigInt(Date.now()) * 1_000_000n
    const digest = hashFile(this.#tree, node)
    if (node.stat.ctime + RACY < now) files.set(name, node.stat, digest)
    return digest
  }

  /** Remembers what this build learnt; files that it did not look at are kept as they were. */
  save(): void {
    for (const directory of this.#open.splice(0)) this.#store(directory)
    if (!this.#changed) return
    this.#db.run(
      'DELETE FROM build_context WHERE path NOT IN (SELECT path FROM build_context ORDER BY used DESC LIMIT ?)',
      CONTEXTS,
    )
  }

  #directory(path: string): Directory {
    for (let last = this.#open.at(-1); last && !isWithin(path, last.path); last = this.#open.at(-1)) {
      this.#store(last)
      this.#open.pop()
    }
    const last = this.#open.at(-1)
    if (last?.path === path) return last
    const directory = { path, files: this.#load(path) }
    this.#open.push(directory)
    return directory
  }

  #load(directory: string): DirectoryDigests {
    const row = this.#db.get<{ files: Uint8Array }>(
      'SELECT files FROM build_context_digests WHERE context = ? AND directory = ?',
      this.#context,
      directory,
    )
    return new DirectoryDigests(row?.files)
  }

  #store({ path, files }: Directory): void {
    if (!files.changed) return
    this.#db.immediate(() => {
      if (!this.#changed)
        this.#db.run(
          'INSERT INTO build_context (path, used) VALUES (?1, ?2) ON CONFLICT (path) DO UPDATE SET used = ?2',
          this.#context,
          Date.now(),
        )
      this.#db.run(
        'INSERT INTO build_context_digests (context, directory, files) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET files = ?3',
        this.#context,
        path,
        files.bytes(),
      )
    })
    this.#changed = true
  }
}

function isWithin(path: string, directory: string): boolean {
  return directory === '' || path === directory || path.startsWith(`${directory}/`)
}

const CHUNK = 1 << 20
let buffer: Uint8Array | undefined

/** SHA-256 of a file's bytes as they are now. */
export function hashFile(tree: SourceTree, node: TreeNode): Digest {
  const hasher = new Bun.CryptoHasher('sha256')
  const fd = tree.open(node.path)
  buffer ??= new Uint8Array(CHUNK)
  let size = 0
  try {
    for (;;) {
      const length = readSync(fd, buffer, 0, CHUNK, null)
      if (length === 0) break
      size += length
      hasher.update(buffer.subarray(0, length))
    }
  } finally {
    close(fd)
  }
  if (size !== node.stat.size) fail('failed_precondition', `${node.path} changed while it was read`)
  return `sha256:${hasher.digest('hex')}`
}
