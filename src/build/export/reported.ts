import type { Call } from '#base'

const EXPORTING = { kind: 'vertex', id: 'export', name: 'exporting to image' } as const

/** Reports the export as a step of its own. */
export async function exported<T>(call: Call | undefined, work: () => Promise<T>): Promise<T> {
  const step = { ...EXPORTING, started: Date.now() }
  call?.progress?.(step)
  const result = await work()
  call?.progress?.({ ...step, completed: Date.now() })
  return result
}
