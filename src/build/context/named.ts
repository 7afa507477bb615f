import { resolve } from 'node:path'
import type { Call } from '#base'
import { openLayout } from '#content'
import { openImage, type OpenedImage } from '#image'
import { familiarName, formatPlatform, parseReference, type Platform } from '#oci'
import type { PlannedContext, PlannedContexts } from '../dockerfile/plan/sources.ts'
import type { Definition } from '../ops/definition.ts'
import type { ContextSource } from '../options/context.ts'
import { vertex } from '../solver/vertex.ts'
import { withoutCredentials } from '../source/git/giturl.ts'
import { shown } from '../source/http/request.ts'
import type { LocalDirectory } from '../source/localtrees.ts'
import { readNamedContext, type ContextReference } from './reference.ts'

export interface NamedHost {
  readonly directories: Map<string, LocalDirectory>
  resolveImage(ref: string, platform: Platform, call?: Call): Promise<OpenedImage>
}

type Named = ContextReference | { readonly kind: 'open'; readonly image: OpenedImage }

/** `--build-context`: what each name means is read now, what it holds only when something asks for it. */
export function openNamedContexts(
  given: Readonly<Record<string, ContextSource>>,
  host: NamedHost,
): Omit<PlannedContexts, 'main'> {
  const contexts = new Map<string, Named>()
  for (const [name, source] of Object.entries(given)) {
    const key = normalised(name)
    const context =
      typeof source === 'string' ? readNamedContext(name, source) : { kind: 'open' as const, image: source }
    contexts.set(key, context)
    if (context.kind === 'directory') host.directories.set(key, { path: resolve(context.path) })
  }
  /** `name::platform` is for that platform alone. */
  const find = (name: string, platform: Platform): string | undefined => {
    const key = normalised(name)
    return [`${key}::${formatPlatform(platform)}`, key].find((candidate) => contexts.has(candidate))
  }
  return {
    has: (name, platform) => contexts.size > 0 && find(name, platform) !== undefined,
    get: async (name, platform, call) => {
      const key = find(name, platform)!
      return await load(key, contexts.get(key)!, { host, platform }, call)
    },
  }
}

async function load(
  name: string,
  context: Named,
  { host, platform }: { readonly host: NamedHost; readonly platform: Platform },
  call?: Call,
): Promise<PlannedContext> {
  const about = (what: string): { name: string } => ({ name: `[context ${name}] ${what}` })
  switch (context.kind) {
    case 'open':
      return { image: context.image }
    case 'directory':
      return { tree: name }
    case 'image':
      return context.ref === 'scratch' ? 'scratch' : { image: await host.resolveImage(context.ref, platform, call) }
    case 'layout': {
      const layout = openLayout(context.directory)
      return { image: await openImage(layout, await layout.resolve(context.ref, call), platform, call) }
    }
    case 'git': {
      const { source } = context
      return {
        vertex: vertex<Definition>({ op: 'git', source }, [], about(withoutCredentials(source.remote))),
        context: true,
      }
    }
    case 'http': {
      const def = { op: 'http', url: context.url, name: 'context' } as const
      return { vertex: vertex<Definition>(def, [], about(shown(context.url))), context: true }
    }
  }
}

/** Names of images as people write them, `latest` left out; other names as they are. */
function normalised(name: string): string {
  const [text = '', ...platform] = name.split('::')
  try {
    return [familiarName(parseReference(text)).replace(/:latest$/, ''), ...platform].join('::')
  } catch {
    return name
  }
}
