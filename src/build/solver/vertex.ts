import type { SourceLocation } from '#base'
import { digestData } from '../digest.ts'
import type { Vertex } from '../types.ts'

/** Makes a vertex; its digest comes from the definition and the inputs, never from the name. */
export function vertex<D>(
  def: D,
  inputs: readonly Vertex<D>[],
  about: { readonly name: string; readonly location?: SourceLocation; readonly internal?: boolean },
): Vertex<D> {
  return { def, inputs, digest: digestData({ def, inputs: inputs.map((input) => input.digest) }), ...about }
}
