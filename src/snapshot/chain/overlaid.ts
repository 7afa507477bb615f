import { newDirectory, type DirectoryNode, type Node } from './tree.ts'

/**
 * What overlayfs shows of layers laid over each other, base first: directories merged unless the
 * upper one is opaque, everything else replaced, whiteouts obeyed. On a layer's root it does not
 * look for opacity.
 */
export function overlaid(layers: readonly DirectoryNode[]): DirectoryNode {
  const merged = newDirectory(0)
  for (const layer of layers) lay(merged, layer)
  return merged
}

function lay(lower: DirectoryNode, upper: DirectoryNode): void {
  lower.about = upper.about
  lower.layer = upper.layer
  for (const [name, node] of upper.entries) {
    const below = lower.entries.get(name)
    if (node.kind === 'absent') continue
    if (node.kind === 'whiteout') lower.entries.delete(name)
    else if (node.kind === 'directory' && below?.kind === 'directory' && !node.opaque) lay(below, node)
    else lower.entries.set(name, withoutMarkers(node))
  }
}

function withoutMarkers(node: Node): Node {
  if (node.kind !== 'directory') return node
  const copy = newDirectory(node.layer)
  lay(copy, node)
  return copy
}
