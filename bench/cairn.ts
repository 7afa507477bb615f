import { join } from 'node:path'

const binary = process.env.CAIRN_BINARY ?? join(import.meta.dir, '../dist/cairn')

/** The command line of a cairn with a store of its own in the stage's directory. */
export function cairnIn(dir: string, store: string): (args: readonly string[]) => readonly string[] {
  return (args) => [binary, '--root', join(dir, `root${store}`), '--run', join(dir, `run${store}`), ...args]
}
