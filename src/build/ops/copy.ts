import type { Call } from '#base'
import { digestData, digestText } from '../digest.ts'
import { contentDigest } from '../source/contentdigest.ts'
import type { SourceTree } from '../source/tree.ts'
import type { CacheDep, Op } from '../types.ts'
import type { CopyDefinition, CopyPath, FileSource, Stack } from './definition.ts'
import { copySteps, localOrigin, selectItem, stackOrigin, type Origin } from './origin.ts'
import { resolveOwner } from './owner.ts'
import { Placement } from './place.ts'
import { addLayer, keptTime, stackDep, withView, withViews, type StepEnvironment } from './step.ts'
import { LayerTarget } from './target.ts'
import { hasArchive, unpackLayer } from './unpack.ts'
import { layerTar } from './writelayer.ts'

/** COPY and ADD. Nothing is run: sources are read, and a layer is written. */
export function copyOp(def: CopyDefinition, environment: StepEnvironment): Op<Stack> {
  const { host } = environment
  const ofInput = (input: number): CacheDep<Stack> => ({
    contentDigest: (stack, call) =>
      withView(host, stack, async (view) => digestData(inputDigest(def, input, view, call)), call),
  })
  return {
    cacheMap: async (call) => ({
      digest: digestData(keyed(def, localDigest(def, environment, call))),
      deps: [...(def.below ? [stackDep] : []), ...Array.from({ length: inputCount(def) }, (_, i) => ofInput(i))],
    }),
    async exec(inputs, call) {
      const stacks = def.below ? inputs : [[], ...inputs]
      return await withViews(host, stacks, (views) => copyInto(def, environment, stacks[0]!, views, call), call)
    },
  }
}

/** One layer with everything that the instruction copies. */
async function copyInto(
  def: CopyDefinition,
  environment: StepEnvironment,
  stack: Stack,
  [view, ...inputs]: readonly SourceTree[],
  call?: Call,
): Promise<Stack> {
  const { host } = environment
  const steps = copySteps(def, originsOf(environment, inputs))
  const owner =
    def.chown === undefined ? undefined : resolveOwner(stack.length > 0 ? view!.root : undefined, def.chown, call)
  const options = { def, ...(owner ? { owner } : {}) }
  if (await hasArchive(steps)) return await unpackLayer({ ...options, host, stack, steps }, call)
  const target = new LayerTarget(view!)
  const placement = new Placement(target, options)
  for (const step of steps) placement.place(step, call)
  return await addLayer(host, stack, layerTar(target.entries, call), call)
}

/** Each tree once: what was read of it is remembered. */
function originsOf({ trees }: StepEnvironment, inputs: readonly SourceTree[]): (from: FileSource) => Origin {
  return (from) =>
    'tree' in from
      ? localOrigin(from.tree, trees.get(from.tree))
      : stackOrigin(inputs[from.input]!, from.context ?? false)
}

/** The definition without the names of contexts, and with what is read of them instead. */
function keyed(def: CopyDefinition, content: string | undefined): object {
  const sources = def.sources.map((item) =>
    item.kind === 'path' && 'tree' in item.from ? { ...item, from: 'context' } : item,
  )
  return { ...def, sources, ...(content === undefined ? {} : { content }) }
}

function localDigest(def: CopyDefinition, { trees }: StepEnvironment, call?: Call): string | undefined {
  const digests = paths(def).flatMap((item) => {
    if (!('tree' in item.from)) return []
    const origin = localOrigin(item.from.tree, trees.get(item.from.tree))
    const selected = selectItem(def, item, origin)
    const content = contentDigest(origin.tree, selected, { file: origin.digest, ownership: false }, call)
    trees.noteRead(item.from.tree, digestText(content))
    return [content]
  })
  return digests.length === 0 ? undefined : digestData(digests)
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
