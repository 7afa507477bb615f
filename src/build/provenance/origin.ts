import { basename, relative, resolve } from 'node:path'
import type { BuildSession } from '../session.ts'
import { gitHead } from '../source/githead.ts'
import { MAIN_CONTEXT } from '../source/maincontext.ts'
import type { BuildOptions } from '../types.ts'
import { withoutCredentials } from './names.ts'
import type { BaseMaterial, BuildOrigin } from './types.ts'

/** What is known when a build has ended. Nothing in it depends on where this machine keeps the source. */
export function originOf(build: {
  readonly options: BuildOptions
  readonly name: string
  readonly text: string
  readonly bases: readonly BaseMaterial[]
  readonly session: BuildSession
}): BuildOrigin {
  const { options, name, text, bases, session } = build
  const directory = session.directories.get(MAIN_CONTEXT)
  const isLocal = directory !== undefined && !directory.isTemporary
  const head = isLocal ? gitHead(options.gitDirectory ?? directory.path) : undefined
  return {
    options,
    dockerfile: { name: isLocal ? inContext(directory.path, name) : withoutCredentials(name), text },
    bases,
    sources: session.resolved(),
    locals: new Map([...session.trees.readDigests()].map(([tree, digest]) => [tree || 'context', digest])),
    ...(head
      ? { revision: { commit: head.commit, ...(head.remote ? { remote: withoutCredentials(head.remote) } : {}) } }
      : {}),
  }
}

/** The Dockerfile's path below the context; of one elsewhere its name alone. */
function inContext(context: string, name: string): string {
  const path = relative(context, resolve(name))
  if (!path.startsWith('..') && resolve(name) !== resolve(context)) return path
  return basename(name)
}
