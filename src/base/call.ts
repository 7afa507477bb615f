import { CairnError } from './errors.ts'
import type { Progress } from './progress.ts'

/**
 * The last argument of every verb that takes time: how to stop it, and where to report.
 * Both are optional; a verb called without them runs to its end in silence.
 */
export interface Call {
  readonly signal?: AbortSignal
  readonly progress?: (record: Progress) => void
}

/** Throws `canceled` when the caller has given up. Cheap enough for every loop. */
export function checkCanceled(call?: Call): void {
  if (call?.signal?.aborted) throw new CairnError('canceled', 'canceled', { cause: call.signal.reason })
}
