import { fail, type Call } from '#base'
import type { Digest } from '#oci'
import { digestData, digestText } from '../digest.ts'
import { contentDigest, ContentHasher } from '../source/contentdigest.ts'
import type { SourceTree } from '../source/tree.ts'
import type { CacheDep, Op } from '../types.ts'
import type { CopyDefinition, CopyItem, CopyPath, FileSource, Stack } from './definition.ts'
import { copySteps, localContent, localOrigin, selectItem, stackOrigin, type CopyStep, type Origin } from './origin.ts'
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
  let content: Digest | undefined
  return {
    cacheMap: async (call) => {
      content = localDigest(def, environment, call)
      return {
        digest: digestData(keyed(def, content)),
        deps: [...(def.below ? [stackDep] : []), ...Array.from({ length: inputCount(def) }, (_, i) => ofInput(i))],
      }
    },
    async exec(inputs, call) {
      const stacks = def.below ? inputs : [[], ...inputs]
      return await withViews(
        host,
        stacks,
        (views) => copyInto({ def, environment, content }, stacks[0]!, views, call),
        call,
      )
    },
  }
}

interface Copying {
  readonly def: CopyDefinition
  readonly environment: StepEnvironment
  /** What the key says of what is here. */
  readonly content: Digest | undefined
}

/** One layer with everything that the instruction copies. */
async function copyInto(
  { def, environment, content }: Copying,
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
  if (placeAll(def, steps, placement, call) !== content)
    fail('failed_precondition', 'the build context changed while it was built', { hint: 'build again' })
  return await addLayer(host, stack, layerTar(target.entries, call), call)
}

/** Places everything; what was read of this machine for that, as {@link localDigest} has it. */
function placeAll(
  def: CopyDefinition,
  steps: readonly CopyStep[],
  placement: Placement,
  call?: Call,
): Digest | undefined {
  const isLocal = (item: CopyItem): boolean => item.kind === 'path' && 'tree' in item.from
  const contents = def.sources.map((item) => (isLocal(item) ? new ContentHasher() : undefined))
  for (const step of steps) {
    const content = step.kind === 'path' ? contents[step.source] : undefined
    if (step.kind === 'inline' || !content) {
      placement.place(step, undefined, call)
      continue
    }
    const { tree } = step.origin
    const options = localContent(step.origin)
    content.begin(step.path)
    placement.place(step, (walked) => content.add(tree, walked, options), call)
  }
  return together(contents.flatMap((content) => content?.digest() ?? []))
}

/** Each tree once. */
function originsOf({ trees }: StepEnvironment, inputs: readonly SourceTree[]): (from: FileSource) => Origin {
  return (from) =>
    'tree' in from
      ? localOrigin(from.tree, trees.get(from.tree))
      : stackOrigin(inputs[from.input]!, from.context ?? false)
}

/** The definition without the names of contexts, and with what is read of them instead. */
function keyed(def: CopyDefinition, content: Digest | undefined): object {
  const sources = def.sources.map((item) =>
    item.kind === 'path' && 'tree' in item.from ? { ...item, from: 'context' } : item,
  )
  return { ...def, sources, ...(content === undefined ? {} : { content }) }
}

/** What the instruction reads of this machine: one digest for each source that is here. */
function localDigest(def: CopyDefinition, { trees }: StepEnvironment, call?: Call): Digest | undefined {
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

function together(digests: readonly Digest[]): Digest | undefined {
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
