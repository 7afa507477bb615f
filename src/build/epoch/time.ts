import type { Call } from '#base'
import type { BuildVertex, Definition } from '../ops/definition.ts'
import type { BuildSession } from '../session.ts'
import { vertex } from '../solver/vertex.ts'
import type { SourceTree } from '../source/tree.ts'

const SECOND = 1_000_000_000n

/**
 * The time of a source, in seconds: of a repository its commit's, of a URL `Last-Modified`, of an archive that has none,
 * or came otherwise, its newest file's. Undefined where nothing tells.
 */
export async function sourceTime(source: BuildVertex, session: BuildSession, call?: Call): Promise<number | undefined> {
  const { def, inputs } = source
  if (def.op === 'git') {
    await session.view(source, async () => {}, call)
    return session.commitTime(source)
  }
  const newest = (target: BuildVertex): Promise<number | undefined> =>
    session.view(target, async (tree) => newestFile(tree), call)
  if (def.op !== 'http') return await (inputs[0] ? sourceTime(inputs[0], session, call) : newest(source))
  return (await newest(source)) ?? (await newest(unpacked(source, def.name)))
}

/** What the file of a URL holds, where that is an archive. */
function unpacked(file: BuildVertex, path: string): BuildVertex {
  const sources = [{ kind: 'path', from: { input: 0 }, path, literal: true, unpack: true }] as const
  return vertex<Definition>({ op: 'copy', below: false, sources, destination: '/' }, [file], {
    name: '[internal] unpack',
  })
}

/** Undefined too where all of them are of 1970's first second, which says nothing. */
function newestFile(tree: SourceTree, path = ''): number | undefined {
  let newest = 0n
  const directories = [path]
  for (let at = directories.pop(); at !== undefined; at = directories.pop())
    for (const { type, stat, path: inner } of tree.list(at)) {
      if (type === 'directory') directories.push(inner)
      if (type === 'file' && stat.mtime > newest) newest = stat.mtime
    }
  return newest < SECOND ? undefined : Number(newest / SECOND)
}
