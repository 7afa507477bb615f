import { fail, text, type Call } from '#base'
import type { BuildVertex, Definition } from '../ops/definition.ts'
import { BuildSession } from '../session.ts'
import { vertex } from '../solver/vertex.ts'
import { pathInRoot } from '../source/cleanpath.ts'
import { readTreeFile } from '../source/treefile.ts'
import type { BuildHost, BuildOptions } from '../types.ts'
import { readMainContext, subdirectoryOf } from './reference.ts'
import { DOCKERFILE_LIMIT } from './types.ts'
import { contextVertex, FILE } from './remote.ts'

/** What a URL holds: files that can be read by their paths, or one file. */
export interface RemoteFiles {
  readonly kind: 'repository' | 'archive' | 'file'
  /** A file's text; undefined when there is none. The path of a lone file does not count. */
  read(path: string): string | undefined
  /** The text by which a directory of it is a context, by its path. `unimplemented` for one inside an archive. */
  context(path: string): string
}

/** Fetches a repository, an archive or a file, while `work` looks at it; nothing is built. */
export async function withRemoteFiles<T>(
  host: BuildHost,
  options: Pick<BuildOptions, 'context' | 'secrets' | 'ssh'>,
  work: (files: RemoteFiles) => Promise<T>,
  call?: Call,
): Promise<T> {
  using session = new BuildSession(host, options)
  const { target, kind } = await fetched(options.context, session, call)
  return await session.view(
    target,
    async (tree) =>
      await work({
        kind,
        read: (path) => {
          const bytes = readTreeFile(tree, kind === 'file' ? FILE : path, DOCKERFILE_LIMIT)
          return bytes && text(bytes)
        },
        context: (path) =>
          subdirectoryOf(options.context, path) ??
          (pathInRoot(path) === ''
            ? options.context
            : fail('unimplemented', `${path}: a directory inside the archive ${options.context} is no context`, {
                hint: 'give the context in a git repository, or make it the whole archive',
              })),
      }),
    call,
  )
}

async function fetched(
  context: string,
  session: BuildSession,
  call?: Call,
): Promise<{ readonly target: BuildVertex; readonly kind: RemoteFiles['kind'] }> {
  const reference = readMainContext(context)
  if (reference.kind === 'git') {
    const def = { op: 'git', source: reference.source } as const
    return { target: vertex<Definition>(def, [], { name: '[internal] load remote definitions' }), kind: 'repository' }
  }
  if (reference.kind === 'http') return await contextVertex(reference.url, session, call)
  return fail('invalid_argument', `${context} is neither a repository nor a URL`)
}
