import { fail } from '#base'
import { Flag } from './inodes.ts'
import type { LayerTree } from './layer.ts'
import type { Layout } from './layout.ts'
import { ROOT } from './tree.ts'
import type { AbsentLink, LayerQuirks } from './types.ts'
import { pathOf } from './walk.ts'

/** Characters of all paths together; a hostile archive could ask for terabytes. */
const MAX_PATHS = 16 << 20

/** What the finished tree asks of whoever lays it over others. */
export function quirksOf(layer: LayerTree, layout: Layout): LayerQuirks {
  const { tree } = layer
  let length = 0
  const spell = (node: number): string => {
    const path = pathOf(tree, node)
    length += path.length
    if (length > MAX_PATHS)
      fail('resource_exhausted', 'a layer with too many implied directories or links to other layers')
    return path
  }
  const absentLinks: AbsentLink[] = []
  for (const [node, target] of layer.absentLinks()) absentLinks.push({ path: spell(node), target })
  const impliedDirectories = impliedIn(layer, layout, spell).sort()
  return {
    impliedDirectories,
    absentLinks,
    opaqueRoot: hasFlag(layer, ROOT, Flag.opaque),
    replacedDirectory: layer.replacedDirectory,
  }
}

function impliedIn(layer: LayerTree, layout: Layout, spell: (node: number) => string): string[] {
  const { tree } = layer
  // Parents come before their children, so what hides the layers below is known in time.
  const hides = new Uint8Array(tree.nodes)
  const paths: string[] = []
  for (const node of layout.directories) {
    const inherited = node === ROOT ? 0 : hides[tree.parent[node]!]!
    hides[node] = hasFlag(layer, node, Flag.opaque) ? 1 : inherited
    // An opaque directory itself counts: a path through a symlink below may have led to it.
    if (inherited === 0 && hasFlag(layer, node, Flag.implied)) paths.push(spell(node))
  }
  return paths
}

function hasFlag({ tree }: LayerTree, node: number, flag: number): boolean {
  return (tree.inodes.flags[tree.inode[node]!]! & flag) !== 0
}
