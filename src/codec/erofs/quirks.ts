import { fail } from '#base'
import { Flag } from './inodes.ts'
import type { LayerTree } from './layer.ts'
import type { Layout } from './layout.ts'
import { ROOT } from './tree.ts'
import type { LayerQuirks } from './types.ts'
import { pathOf } from './walk.ts'

/** Characters of implied directories' paths in all; a hostile archive could ask for terabytes. */
const MAX_PATHS = 16 << 20

/** What the finished tree asks of whoever lays it over others. */
export function quirksOf(layer: LayerTree, layout: Layout): LayerQuirks {
  const { tree } = layer
  const flag = (node: number, bit: number): boolean => (tree.inodes.flags[tree.inode[node]!]! & bit) !== 0
  // Parents come before their children, so what hides is known in time.
  const hides = new Uint8Array(tree.nodes)
  const impliedDirectories: string[] = []
  let length = 0
  for (const node of layout.directories) {
    const inherited = node === ROOT ? 0 : hides[tree.parent[node]!]!
    hides[node] = flag(node, Flag.opaque) ? 1 : inherited
    if (hides[node] === 1 || !flag(node, Flag.implied)) continue
    const path = pathOf(tree, node)
    length += path.length
    if (length > MAX_PATHS) fail('resource_exhausted', 'a layer with too many directories that no member describes')
    impliedDirectories.push(path)
  }
  return {
    impliedDirectories: impliedDirectories.sort(),
    absentLinks: layer.absentLinks,
    opaqueRoot: flag(ROOT, Flag.opaque),
  }
}
