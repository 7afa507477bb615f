import { CairnError, fail, type ByteStream, type Call } from '#base'
import { decompress, detectCompression, parseWhiteout, readTar, safePath, writeTar, type TarInput } from '#codec'
import { readChunks } from '../source/readchunks.ts'
import { SourceTree, type TreeNode } from '../source/tree.ts'
import { readHead } from '../source/treefile.ts'
import type { BuildHost } from '../types.ts'
import type { CopyDefinition, Stack } from './definition.ts'
import type { CopyStep } from './origin.ts'
import type { Owner } from './owner.ts'
import { Placement } from './place.ts'
import { addLayer, keptTime, mountOnce, stepStart, withStepDirectory } from './step.ts'
import { LayerTarget } from './target.ts'
import { layerTar } from './writelayer.ts'

export interface Unpacking {
  readonly def: CopyDefinition
  readonly host: BuildHost
  readonly stack: Stack
  readonly steps: readonly CopyStep[]
  readonly owner?: Owner
}

/** Archives of users need not be as tidy as layers. */
const FOREIGN = { nameless: true } as const

/** Whether any of the files is an archive that is to be unpacked. */
export async function hasArchive(steps: readonly CopyStep[]): Promise<boolean> {
  for (const step of steps) if (await archiveOf(step)) return true
  return false
}

/**
 * ADD with archives among its sources. Extraction may replace anything below, so it is done for real, on a writable
 * root in which the kernel keeps every path, and the layer is what changed.
 */
export async function unpackLayer(unpacking: Unpacking, call?: Call): Promise<Stack> {
  const { def, host, stack, steps, owner } = unpacking
  return await withStepDirectory(host, async (dir) => {
    const started = stepStart()
    const root = await host.snapshots.prepare(dir, stack, { volatile: true }, call)
    mountOnce(root.mounts)
    for (const step of steps) {
      // Each source sees what those before it have written.
      using view = new SourceTree(root.path)
      const target = new LayerTarget(view)
      const placement = new Placement(target, { def, ...(owner ? { owner } : {}) })
      const archive = await archiveOf(step)
      const into = archive ? placement.directory() : ''
      if (!archive) for (const _ of placement.place(step, undefined, call)) continue
      await host.differ.apply(layerTar(target.entries, call), root.path, call)
      if (archive) await host.differ.apply(rewritten(archive(), def, owner, call), `${root.path}/${into}`, call)
    }
    const lower = root.mounts.flatMap((mount) => (mount.type === 'overlay' ? mount.lower : []))
    const times = def.epoch === undefined ? { clamp: 0, since: started } : { clamp: def.epoch }
    const tar = host.differ.compare(root.upper!, { ...times, lower }, call)
    return await addLayer(host, stack, tar, call)
  })
}

/** Owners replaced, times clamped, and names that would be whiteouts refused: an archive is no layer. */
function rewritten(tar: ByteStream, def: CopyDefinition, owner: Owner | undefined, call?: Call): ByteStream {
  async function* members(): AsyncGenerator<TarInput, void, void> {
    for await (const { entry, data } of readTar(tar, FOREIGN)) {
      // What it says of its own root is not for the directory that it goes into.
      if (safePath(entry.path) === '') continue
      if (parseWhiteout(entry.path)) fail('invalid_argument', `the archive holds ${entry.path}, which a layer cannot`)
      const { sparse: _, ...plain } = entry
      yield { entry: { ...plain, ...owner, mtime: keptTime(entry.mtime, def.epoch) }, data }
    }
  }
  return writeTar(members(), call)
}

/** Opens the tar inside a file, by what the file holds; undefined when it is none, or not to be unpacked. */
async function archiveOf(step: CopyStep): Promise<(() => ByteStream) | undefined> {
  if (step.kind === 'inline' || !step.unpack) return undefined
  const { tree } = step.origin
  const { node } = step
  if (node.type !== 'file' || node.stat.size === 0) return undefined
  const compression = detectCompression(readHead(tree, node, 16))
  const open = (): ByteStream => decompress(read(tree, node), compression)
  return (await isTar(open)) ? open : undefined
}

async function isTar(open: () => ByteStream): Promise<boolean> {
  try {
    for await (const _ of readTar(open(), FOREIGN)) return true
  } catch (error) {
    if (error instanceof CairnError && error.code !== 'unimplemented') return false
    throw error
  }
  return false
}

async function* read(tree: SourceTree, node: TreeNode): ByteStream {
  yield* readChunks(() => tree.open(node.path))
}
