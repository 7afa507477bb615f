import { historyOf } from '#image'
import type { Parts } from '../parts.ts'
import type { HistoryRow } from '../types.ts'
import { locate } from './find.ts'
import { openSome } from './opensome.ts'
import { ofWhole } from './whole.ts'

/** How an image came to be, newest step first, as `docker history` shows it. */
export async function history(parts: Parts, ref: string): Promise<readonly HistoryRow[]> {
  const { root } = await locate(parts, ref)
  const [store, layers] = await Promise.all([parts.store(), parts.layers()])
  const image = await ofWhole(parts, { ref, root }, () => openSome(store, root))
  const rows = historyOf(image).toReversed()
  return rows.map(({ history: step, layer }, i) => {
    const time = step.created === undefined ? Number.NaN : Date.parse(step.created)
    return {
      id: i === 0 ? image.manifest.config.digest : undefined,
      created: Number.isNaN(time) ? undefined : time,
      createdBy: step.created_by ?? '',
      comment: step.comment ?? '',
      size: layer === undefined ? 0 : (layers.stat(layer.diffId)?.tarSize ?? layer.descriptor.size),
      history: step,
    }
  })
}
