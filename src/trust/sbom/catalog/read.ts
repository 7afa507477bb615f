import { isCode, text } from '#base'
import type { Call } from '#base'
import type { FileTree } from '#image'

/** Bytes of a package database. */
const LIMIT = 64 << 20

/** A file's text; undefined when there is none that can be read. */
export async function readText(tree: FileTree, path: string, call?: Call): Promise<string | undefined> {
  if (tree.resolve(path)?.type !== 'file') return undefined
  try {
    return text(await tree.readFile(path, LIMIT, call))
  } catch (error) {
    if (isCode(error, 'canceled')) throw error
    return undefined
  }
}
