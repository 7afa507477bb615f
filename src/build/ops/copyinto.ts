import { fail, type Call } from '#base'
import type { Digest } from '#oci'
import { ContentHasher, together } from '../source/contentdigest.ts'
import type { SourceTree } from '../source/tree.ts'
import type { CopyDefinition, CopyItem, FileSource, Stack } from './definition.ts'
import { copySteps, localContent, localOrigin, stackOrigin, type CopyStep, type Origin } from './origin.ts'
import { resolveOwner } from './owner.ts'
import { Placement } from './place.ts'
import { addLayer, withViews, type StepEnvironment } from './step.ts'
import { LayerTarget } from './target.ts'
import { hasArchive, unpackLayer } from './unpack.ts'
import { layerTar } from './writelayer.ts'

export interface Copying {
  readonly def: CopyDefinition
  readonly environment: StepEnvironment
  /** What the key says of what is here. */
  readonly content: Digest | undefined
}

/** The stack with one layer more. */
export async function execCopy(copying: Copying, inputs: readonly Stack[], call?: Call): Promise<Stack> {
  const { def, environment } = copying
  const stacks = def.below ? inputs : [[], ...inputs]
  return await withViews(environment.host, stacks, (views) => copyInto(copying, stacks[0]!, views, call), call)
}

/** One layer with everything that the instruction copies. */
export async function copyInto(
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
