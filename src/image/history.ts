import type { History } from '#oci'
import type { Layer, OpenedImage } from './types.ts'

/** One step of how an image came to be; steps that changed no file have no layer. */
export interface HistoryStep {
  readonly history: History
  readonly layer?: Layer
}

/**
 * History and layers side by side, from the base up. Where a config's history does not account
 * for its layers (it may be absent, or wrong), the layers left over follow with an empty history.
 */
export function historyOf(image: Pick<OpenedImage, 'config' | 'layers'>): readonly HistoryStep[] {
  const steps: HistoryStep[] = []
  let next = 0
  for (const history of image.config.history ?? []) {
    const layer = history.empty_layer ? undefined : image.layers[next++]
    steps.push(layer ? { history, layer } : { history })
  }
  for (const layer of image.layers.slice(next)) steps.push({ history: {}, layer })
  return steps
}
