import type { Call } from '#base'
import { digestData } from '../digest.ts'
import { contentDigest } from '../source/contentdigest.ts'
import { hashFile } from '../source/filedigests.ts'
import { select, type Selected } from '../source/select.ts'
import type { SourceTree } from '../source/tree.ts'
import type { Op } from '../types.ts'
import type { CopyDefinition, Stack } from './definition.ts'
import { resolveOwner } from './owner.ts'
import { Placement } from './place.ts'
import { addLayer, stackDep, withView, type StepEnvironment } from './step.ts'
import { LayerTarget } from './target.ts'
import { hasArchive, unpackLayer } from './unpack.ts'
import { layerTar } from './writelayer.ts'

/** COPY and ADD. Nothing is run: sources are read, and a layer is written. */
export function copyOp(def: CopyDefinition, environment: StepEnvironment): Op<Stack> {
  const fromContext = def.from === 'context'
  const { host, context, digests } = environment
  const below = def.below ? [stackDep] : []
  const selectedDigest = (tree: SourceTree, call?: Call): string =>
    contentDigest(
      tree,
      selectAll(tree, def),
      {
        file: fromContext ? (node) => digests.digest(node) : (node) => hashFile(tree, node),
        ownership: !fromContext,
      },
      call,
    )
  return {
    cacheMap: async (call) => {
      const definition = fromContext && hasPaths(def) ? { ...def, content: selectedDigest(context, call) } : def
      if (fromContext) return { digest: digestData(definition), deps: below }
      const source = async (stack: Stack, inner?: Call) =>
        await withView(host, stack, async (view) => digestData(selectedDigest(view, inner)), inner)
      return { digest: digestData(definition), deps: [...below, { contentDigest: source }] }
    },
    async exec(inputs, call) {
      const stack = def.below ? inputs[0]! : []
      return await withView(
        host,
        stack,
        async (view) =>
          fromContext
            ? await copyInto(def, environment, stack, view, context, call)
            : await withView(
                host,
                inputs.at(-1)!,
                async (source) => await copyInto(def, environment, stack, view, source, call),
                call,
              ),
        call,
      )
    },
  }
}

/** One layer with everything that the instruction copies. */
async function copyInto(
  def: CopyDefinition,
  { host, digests }: StepEnvironment,
  stack: Stack,
  view: SourceTree,
  source: SourceTree,
  call?: Call,
): Promise<Stack> {
  const selected = selectAll(source, def)
  const owner = def.chown === undefined ? undefined : resolveOwner(view.root, def.chown)
  if (def.unpack && (await hasArchive(source, selected)))
    return await unpackLayer({ def, host, stack, view, source, selected, digests, ...(owner ? { owner } : {}) }, call)
  const target = new LayerTarget(view)
  const placement = new Placement(target, {
    def,
    ...(owner ? { owner } : {}),
    ...(def.from === 'context' ? { expected: (node) => digests.digest(node) } : {}),
  })
  for (const item of selected) placement.copy(source, item, call)
  for (const item of def.sources) if (item.kind === 'inline') placement.inline(item.name, item.text)
  return await addLayer(host, stack, layerTar(target.entries, call), call)
}

function selectAll(tree: SourceTree, def: CopyDefinition): Selected[] {
  const where = def.from === 'context' ? 'the build context' : 'the image that is copied from'
  return def.sources.flatMap((item) => (item.kind === 'path' ? select(tree, item.path, where) : []))
}

function hasPaths(def: CopyDefinition): boolean {
  return def.sources.some((item) => item.kind === 'path')
}
