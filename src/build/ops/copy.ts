import type { Call } from '#base'
import type { Digest } from '#oci'
import { digestData, digestText } from '../digest.ts'
import { contentDigest, together } from '../source/contentdigest.ts'
import type { SourceTree } from '../source/tree.ts'
import type { CacheDep, Op } from '../types.ts'
import type { CopyDefinition, CopyPath, Stack } from './definition.ts'
import { localContent, localOrigin, selectItem, stackOrigin } from './origin.ts'
import { keptTime, stackDep, withView, type ContextTrees, type StepEnvironment } from './step.ts'

/** COPY and ADD. Nothing is run: sources are read, and a layer is written, by what is not loaded before. */
export function copyOp(def: CopyDefinition, environment: StepEnvironment): Op<Stack> {
  const { host } = environment
  const ofInput = (input: number): CacheDep<Stack> => ({
    contentDigest: (stack, call) =>
      withView(host, stack, async (view) => digestData(inputDigest(def, input, view, call)), call),
  })
  let content: Digest | undefined
  return {
    cacheMap: async (call) => {
      content = localDigest(def, environment, call)
      return {
        digest: digestData(keyed(def, content)),
        deps: [...(def.below ? [stackDep] : []), ...Array.from({ length: inputCount(def) }, (_, i) => ofInput(i))],
      }
    },
    exec: async (inputs, call) => (await import('./copyinto.ts')).execCopy({ def, environment, content }, inputs, call),
  }
}

/** What the step's own part of its key is, as the context is now. */
export function copyDigest(def: CopyDefinition, environment: ContextTrees, call?: Call): Digest {
  return digestData(keyed(def, localDigest(def, environment, call)))
}

/** The definition without the names of contexts, and with what is read of them instead. */
function keyed(def: CopyDefinition, content: Digest | undefined): object {
  const sources = def.sources.map((item) =>
    item.kind === 'path' && 'tree' in item.from ? { ...item, from: 'context' } : item,
  )
  return { ...def, sources, ...(content === undefined ? {} : { content }) }
}

/** What the instruction reads of this machine: one digest for each source that is here. */
export function localDigest(def: CopyDefinition, { trees }: ContextTrees, call?: Call): Digest | undefined {
  return together(
    paths(def).flatMap((item) => {
      if (!('tree' in item.from)) return []
      const origin = localOrigin(item.from.tree, trees.get(item.from.tree))
      const content = contentDigest(origin.tree, selectItem(def, item, origin), localContent(origin), call)
      trees.noteRead(item.from.tree, digestText(content))
      return [content]
    }),
  )
}

function inputDigest(def: CopyDefinition, input: number, view: SourceTree, call?: Call): readonly string[] {
  const origin = stackOrigin(view, false)
  return paths(def)
    .filter(({ from }) => 'input' in from && from.input === input)
    .map((item) => {
      const selected = selectItem(def, item, origin)
      const isContext = 'input' in item.from && item.from.context === true
      const time = isContext ? {} : { time: (mtime: bigint) => keptTime(mtime, def.epoch) }
      return contentDigest(view, selected, { file: origin.digest, ownership: true, ...time }, call)
    })
}

function inputCount(def: CopyDefinition): number {
  return Math.max(0, ...paths(def).map(({ from }) => ('input' in from ? from.input + 1 : 0)))
}

function paths(def: CopyDefinition): CopyPath[] {
  return def.sources.filter((item) => item.kind === 'path')
}
