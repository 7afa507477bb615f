import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TempDir extends Disposable {
  readonly path: string
}

/** A directory that goes when its scope ends: `using dir = tempDir()`. */
export function tempDir(prefix = 'cairn-test-'): TempDir {
  const path = mkdtempSync(join(tmpdir(), prefix))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
