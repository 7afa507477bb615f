import { fail, type Call } from '#base'
import type { Digest } from '#oci'
import { ContentHasher, together } from '../source/contentdigest.ts'
import type { SourceTree } from '../source/tree.ts'
import type { CopyDefinition, CopyItem, FileSource, Stack } from './definition.ts'
import { LayerEntries } from './entries.ts'
import { copySteps, localContent, localOrigin, stackOrigin, type CopyStep, type Origin } from './origin.ts'
import { resolveOwner } from './owner.ts'
import { Placement, type OnEntry, type PlaceOptions } from './place.ts'
import { addLayer, withViews, type StepEnvironment } from './step.ts'
import { StreamedEntries } from './streamedentries.ts'
import { LayerTarget, type LayerEntry } from './target.ts'
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
  return await addLayer(host, stack, layerTar(entriesOf({ options, view: view!, steps, content }, call), call), call)
}

interface Placing {
  readonly options: PlaceOptions
  readonly view: SourceTree
  readonly steps: readonly CopyStep[]
  readonly content: Digest | undefined
}

/**
 * Everything that is copied, in order. The files of one source come so already, and are written as they are found; those
 * of several may come in between or instead of each other, and are gathered first.
 */
function* entriesOf(
  { options, view, steps, content }: Placing,
  call?: Call,
): Generator<readonly [path: string, entry: LayerEntry], void, void> {
  const isStream = steps.length === 1
  const entries = isStream ? new StreamedEntries() : new LayerEntries()
  const placement = new Placement(new LayerTarget(view, entries), options)
  const contents = options.def.sources.map((item) => (isLocal(item) ? new ContentHasher() : undefined))
  for (const step of steps) {
    const onEntry = step.kind === 'path' ? hashing(step, contents[step.source]) : undefined
    for (const _ of placement.place(step, onEntry, call)) if (isStream) yield* entries
  }
  // As `localDigest` has it.
  if (together(contents.flatMap((read) => read?.digest() ?? [])) !== content)
    fail('failed_precondition', 'the build context changed while it was built', { hint: 'build again' })
  yield* entries
}

function isLocal(item: CopyItem): boolean {
  return item.kind === 'path' && 'tree' in item.from
}

/** Adds what a step reads of this machine to what was read. */
function hashing({ path, origin }: Extract<CopyStep, { kind: 'path' }>, read?: ContentHasher): OnEntry | undefined {
  if (!read) return undefined
  read.begin(path)
  const options = localContent(origin)
  return (walked) => read.add(origin.tree, walked, options)
}

/** Each tree once. */
function originsOf({ trees }: StepEnvironment, inputs: readonly SourceTree[]): (from: FileSource) => Origin {
  return (from) =>
    'tree' in from
      ? localOrigin(from.tree, trees.get(from.tree))
      : stackOrigin(inputs[from.input]!, from.context ?? false)
}
