import { localTarget } from '#content'
import type { Parts } from '../parts.ts'
import { locate } from './find.ts'

/** Gives an image one more name, taking the name from another image if need be. */
export async function tag(parts: Parts, ref: string, name: string): Promise<void> {
  const { root } = await locate(parts, ref)
  const [store, names] = await Promise.all([parts.store(), parts.names()])
  await localTarget(store, names).tag(root, name)
}
