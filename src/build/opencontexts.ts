import { text, type Call } from '#base'
import { openMainContext } from './context/main.ts'
import { openNamedContexts } from './context/named.ts'
import { parseDockerfile } from './dockerfile/parse.ts'
import type { PlannedContexts } from './dockerfile/plan/sources.ts'
import type { Dockerfile } from './dockerfile/syntax.ts'
import type { BuildSession } from './session.ts'
import { readIgnoreRules } from './source/context.ts'
import type { IgnoreRules } from './source/ignore.ts'
import { MAIN_CONTEXT } from './source/maincontext.ts'
import type { BuildHost, BuildOptions } from './types.ts'

/** What a build begins with. */
export interface OpenedSource {
  /** Of the Dockerfile, for messages. */
  readonly name: string
  readonly text: string
  readonly planned: PlannedContexts
  /** When the context's commit was made. */
  readonly head: number | undefined
  /** What a local context's ignore file says, read when it is asked for. */
  readonly ignored: () => IgnoreRules | undefined
}

/** A source whose Dockerfile has been read. */
export interface OpenedBuild extends OpenedSource {
  readonly dockerfile: Dockerfile
}

/** Finds and fetches the contexts, and finds the Dockerfile in them. */
export async function openSource(
  host: BuildHost,
  options: BuildOptions,
  session: BuildSession,
  call?: Call,
): Promise<OpenedSource> {
  const named = openNamedContexts(options.contexts ?? {}, {
    directories: session.directories,
    resolveImage: (ref, platform, inner) => host.resolveImage(ref, platform, inner),
  })
  const main = await openMainContext(options, session, call)
  // A context that is missing or has a malformed ignore file is told of even where nothing reads it.
  if ('tree' in main.from) session.trees.get(main.from.tree)
  return {
    name: main.dockerfile.name,
    text: text(main.dockerfile.bytes),
    planned: { ...named, main: main.from },
    head: main.commitTime,
    ignored: () => {
      const directory = 'tree' in main.from ? session.directories.get(MAIN_CONTEXT) : undefined
      return directory && readIgnoreRules(directory.path, directory.dockerfile)
    },
  }
}

/** {@link openSource}, and the Dockerfile read. */
export async function openContexts(
  host: BuildHost,
  options: BuildOptions,
  session: BuildSession,
  call?: Call,
): Promise<OpenedBuild> {
  const source = await openSource(host, options, session, call)
  return { ...source, dockerfile: parseDockerfile(source.text, source.name) }
}
