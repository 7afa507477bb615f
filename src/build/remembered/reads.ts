import { CairnError, type Call } from '#base'
import type { Database } from '#content'
import { copyDigest } from '../ops/copy.ts'
import type { Definition } from '../ops/definition.ts'
import { runDigest } from '../ops/run.ts'
import { LocalTrees } from '../source/localtrees.ts'
import { MAIN_CONTEXT } from '../source/maincontext.ts'
import type { ContextRead, Given } from './types.ts'

/** Whether a definition reads files of this machine. */
export function readsContext(def: Definition): def is ContextRead['def'] {
  if (def.op === 'copy') return def.sources.some((item) => item.kind === 'path' && 'tree' in item.from)
  return def.op === 'run' && (def.mounts ?? []).some((mount) => 'tree' in mount && mount.tree !== undefined)
}

/** What a step's key says of what it reads now. */
function digestOf(def: ContextRead['def'], trees: LocalTrees, call?: Call): ContextRead['digest'] {
  return def.op === 'copy' ? copyDigest(def, { trees }, call) : runDigest(def, { trees }, call)
}

/** Whether steps would read of the context what they read then: every file's bytes, mode and name, as for any key. */
export function readsTheSame(db: Database, { directory }: Given, reads: readonly ContextRead[], call?: Call): boolean {
  using trees = new LocalTrees(db, new Map([[MAIN_CONTEXT, directory]]))
  try {
    return reads.every(({ def, digest }) => digestOf(def, trees, call) === digest)
  } catch (error) {
    // A file that is gone: the build itself says so, at its line.
    if (error instanceof CairnError) return false
    throw error
  } finally {
    trees.save()
  }
}
