import { digestData } from '../digest.ts'
import type { Vertex } from '../types.ts'

/** Makes a vertex; its digest comes from the definition and the inputs, never from the name. */
export function vertex<D>(
  def: D,
  inputs: readonly Vertex<D>[],
  about: Omit<Vertex<D>, 'def' | 'inputs' | 'digest'>,
): Vertex<D> {
  return { def, inputs, digest: digestData({ def, inputs: inputs.map((input) => input.digest) }), ...about }
}
