import { messageOf, type Call } from '#base'
import type { Parts } from '../parts.ts'

/** Reads everything stored and compares it with its digest; one line for each thing that is wrong. */
export async function check(parts: Parts, call?: Call): Promise<readonly string[]> {
  const [store, layers] = await Promise.all([parts.store(), parts.layers()])
  const wrong: string[] = []
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      wrong.push(messageOf(error))
    }
  }
  for await (const blob of store.list(call))
    await attempt(async () => {
      for await (const _ of await store.open(blob, call)) continue
    })
  for (const { diffId, tarSize } of layers.list())
    await attempt(async () => {
      const tar = { mediaType: 'application/octet-stream', digest: diffId, size: tarSize }
      for await (const _ of await layers.open(tar, call)) continue
      await layers.verify(diffId, call)
    })
  return wrong
}
