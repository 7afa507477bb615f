import type { Node, NodeOptions } from './types.ts'
export function openNode(_options: NodeOptions): Node {
  throw new Error('x')
}
