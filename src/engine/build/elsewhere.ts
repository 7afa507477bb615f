import { cpSync, lstatSync, lutimesSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { BuildOptions } from '#build'

/** Later than any file of a context can honestly be, and not the time of today. */
const ANOTHER_DAY = new Date('2001-02-03T04:05:06Z')

/**
 * The same build as somebody else would do it: the context in another place with other times, one step at a time,
 * everything done again. A context that is no directory here is the same for everybody already.
 */
export function elsewhere<O extends BuildOptions>(options: O, directory: string): O {
  const again = { ...options, noCache: true, parallelism: 1 }
  if (!isDirectory(options.context)) return again
  const context = join(directory, 'the', 'same', 'context')
  cpSync(options.context, context, { recursive: true, verbatimSymlinks: true, preserveTimestamps: false })
  touchAll(context)
  // The copy may have left its repository.
  return { ...again, context, gitDirectory: options.gitDirectory ?? options.context }
}

function touchAll(path: string): void {
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) touchAll(join(path, name))
  lutimesSync(path, ANOTHER_DAY, ANOTHER_DAY)
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
