import { availableParallelism } from 'node:os'
import type { Call } from '#base'
import type { Layer } from '#image'

/** On two processors, too: one waits for the disk or the network while two are worked on. */
const FEWEST = 3
const MOST = 4

/**
 * Works on layers, `jobs` at once, each once, the largest first: otherwise a large one that comes last is worked on
 * alone. After a failure the others stop, and nothing of theirs is seen.
 */
export async function eachLayer(
  layers: readonly Layer[],
  work: (layer: Layer, call: Call) => Promise<unknown>,
  call?: Call & { readonly jobs?: number },
): Promise<void> {
  const { jobs, ...rest } = call ?? {}
  const waiting = [...new Map(layers.map((layer) => [layer.descriptor.digest, layer])).values()]
  waiting.sort((a, b) => b.descriptor.size - a.descriptor.size)
  const stop = new AbortController()
  const signal = call?.signal ? AbortSignal.any([call.signal, stop.signal]) : stop.signal
  const worker = async (): Promise<void> => {
    for (let layer = waiting.shift(); layer; layer = waiting.shift()) await work(layer, { ...rest, signal })
  }
  const workers = Array.from({ length: jobs ?? Math.min(MOST, Math.max(FEWEST, availableParallelism())) }, worker)
  try {
    await Promise.all(workers)
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(workers)
    throw error
  }
}
