import { readSync } from 'node:fs'
import { fail } from '#base'
import type { Database } from '#content'
import type { Digest } from '#oci'
import { close } from '#sys'
import type { SourceTree, TreeNode } from './tree.ts'

const SCHEMA = `CREATE TABLE IF NOT EXISTS stat_cache (
  context TEXT PRIMARY KEY,
  files TEXT NOT NULL,
  used INTEGER NOT NULL
) WITHOUT ROWID`

/** Contexts that are remembered; the longest unused one goes first. */
const CONTEXTS = 64

/** A file changed this shortly (ns) before it was read may change again within one tick of the file system's clock. */
const RACY = 20_000_000n

/** What makes us believe that a file's bytes are still the same, and their digest. */
type Known = readonly [size: number, mtime: string, ctime: string, ino: string, digest: string]

/**
 * Digests of a context's files, remembered between builds by path, size, mtime, ctime and inode: an unchanged file is
 * never read again. Only this look-up sees times; keys see the digests.
 */
export class FileDigests {
  private readonly db: Database
  private readonly tree: SourceTree
  private readonly context: string
  private readonly known: Map<string, Known>
  private readonly current = new Map<string, Known>()
  private changed = false

  constructor(db: Database, context: string, tree: SourceTree) {
    this.db = db
    this.tree = tree
    this.context = context
    db.schema(SCHEMA)
    const row = db.get<{ files: string }>('SELECT files FROM stat_cache WHERE context = ?', context)
    this.known = new Map(row ? (JSON.parse(row.files) as [string, Known][]) : [])
  }

  digest(node: TreeNode): Digest {
    const { stat } = node
    const mark = [stat.size, String(stat.mtime), String(stat.ctime), String(stat.ino)] as const
    const known = this.current.get(node.path) ?? this.known.get(node.path)
    if (known && mark.every((part, i) => part === known[i])) {
      this.current.set(node.path, known)
      return known[4] as Digest
    }
    const now = BigInt(Date.now()) * 1_000_000n
    const digest = hashFile(this.tree, node)
    if (stat.ctime + RACY < now) {
      this.current.set(node.path, [...mark, digest])
      this.changed = true
    }
    return digest
  }

  /** Remembers what this build learnt; files that it did not look at are kept as they were. */
  save(): void {
    if (!this.changed) return
    const files = JSON.stringify([...new Map([...this.known, ...this.current])])
    this.db.immediate(() => {
      this.db.run(
        'INSERT INTO stat_cache (context, files, used) VALUES (?1, ?2, ?3) ON CONFLICT (context) DO UPDATE SET files = ?2, used = ?3',
        this.context,
        files,
        Date.now(),
      )
      this.db.run(
        'DELETE FROM stat_cache WHERE context NOT IN (SELECT context FROM stat_cache ORDER BY used DESC LIMIT ?)',
        CONTEXTS,
      )
    })
  }
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
