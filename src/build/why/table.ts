import { text } from '#base'
import type { Database } from '#content'
import type { Digest } from '#oci'
import type { StepPlace } from '../types.ts'
import { FileList } from './filelist.ts'
import type { KeyParts } from './types.ts'

/** `parts` is zstd of JSON, a NUL and the files' list: read only of steps whose key is another one now. */
const SCHEMA = `CREATE TABLE IF NOT EXISTS build_step (
  project TEXT NOT NULL,
  stage TEXT NOT NULL,
  step INTEGER NOT NULL,
  text TEXT NOT NULL,
  key TEXT NOT NULL,
  parts BLOB NOT NULL,
  built INTEGER NOT NULL,
  PRIMARY KEY (project, stage, step)
) WITHOUT ROWID`

/** Steps that are remembered of all projects together; those built longest ago go first. */
const STEPS = 5000

export interface StoredStep {
  readonly stage: string
  readonly step: number
  readonly text: string
  readonly key: Digest
}

/** What the last build of a context and Dockerfile made its keys of. */
export class StepTable {
  readonly #db: Database
  readonly #project: string

  constructor(db: Database, project: string) {
    this.#db = db
    this.#project = project
    db.schema(SCHEMA)
  }

  steps(): StoredStep[] {
    return this.#db.all<StoredStep>('SELECT stage, step, text, key FROM build_step WHERE project = ?', this.#project)
  }

  parts({ stage, step }: Pick<StoredStep, 'stage' | 'step'>): KeyParts | undefined {
    const row = this.#db.get<{ parts: Uint8Array }>(
      'SELECT parts FROM build_step WHERE project = ? AND stage = ? AND step = ?',
      this.#project,
      stage,
      step,
    )
    return row && readParts(Bun.zstdDecompressSync(row.parts))
  }

  save(steps: readonly { readonly place: StepPlace; readonly key: Digest; readonly parts: KeyParts }[]): void {
    const now = Date.now()
    this.#db.immediate(() => {
      for (const { place, key, parts } of steps)
        this.#db.run(
          'INSERT OR REPLACE INTO build_step (project, stage, step, text, key, parts, built) VALUES (?, ?, ?, ?, ?, ?, ?)',
          this.#project,
          place.stage,
          place.index,
          place.text,
          key,
          Bun.zstdCompressSync(partsBytes(parts), { level: 1 }),
          now,
        )
      this.#db.run(
        'DELETE FROM build_step WHERE built < (SELECT built FROM build_step ORDER BY built DESC LIMIT 1 OFFSET ?)',
        STEPS,
      )
    })
  }
}

function partsBytes({ files, ...rest }: KeyParts): Uint8Array {
  return files.bytes(JSON.stringify(rest))
}

/** Undefined for what an older version wrote: the files were members of the JSON. */
function readParts(bytes: Uint8Array): KeyParts | undefined {
  const end = bytes.indexOf(0)
  if (end < 0) return undefined
  const rest = JSON.parse(text(bytes.subarray(0, end))) as Omit<KeyParts, 'files'>
  return { ...rest, files: FileList.of(bytes.subarray(end + 1)) }
}

/** Forgets what every build was made of. */
export function forgetSteps(db: Database): void {
  db.schema(SCHEMA)
  db.run('DELETE FROM build_step')
}
