import { utf8 } from '#base'
import { digestOf } from './digest.ts'
import type { Digest } from './types.ts'

/**
 * The chain IDs of a stack of layers from the base up (image-spec config.md#layer-chainid):
 * the n-th names the filesystem that the first n + 1 layers make.
 */
export async function chainIds(diffIds: readonly Digest[]): Promise<readonly Digest[]> {
  const chain: Digest[] = []
  for (const diffId of diffIds) {
    const parent = chain.at(-1)
    chain.push(parent === undefined ? diffId : await digestOf(utf8(`${parent} ${diffId}`)))
  }
  return chain
}

/** The chain ID of the whole stack; undefined for no layers. */
export async function chainId(diffIds: readonly Digest[]): Promise<Digest | undefined> {
  return (await chainIds(diffIds)).at(-1)
}
