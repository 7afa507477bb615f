import type { LogProgress, Progress, StatusProgress, VertexProgress, WarningProgress } from '#base'

/** What is known of one step: the last word of each of its records. */
export interface Step {
  /** From 1, in the order of starting: what `#3` means. */
  readonly number: number
  vertex: VertexProgress
  readonly statuses: Map<string, StatusProgress>
  /** The end of what its process wrote, for a failure. */
  tail: string
}

/** How much of a failing step's output is kept for the report. */
const TAIL = 64 * 1024

/** Collects records into steps, in the order in which they started. */
export class Steps {
  readonly list: Step[] = []
  readonly warnings: WarningProgress[] = []
  readonly #byId = new Map<string, Step>()
  readonly #announced = new Map<string, VertexProgress>()

  /** The step that a record belongs to, brought up to date; undefined while it has not started. */
  take(record: Progress): Step | undefined {
    switch (record.kind) {
      case 'vertex':
        return this.#vertex(record)
      case 'status': {
        const step = this.#byId.get(record.vertex ?? '') ?? this.#loose(record)
        step.statuses.set(record.id, record)
        return step
      }
      case 'log': {
        const step = this.#byId.get(record.vertex)
        if (step) step.tail = (step.tail + decode(record)).slice(-TAIL)
        return step
      }
      case 'warning':
        this.warnings.push(record)
        return record.vertex === undefined ? undefined : this.#byId.get(record.vertex)
    }
  }

  #vertex(record: VertexProgress): Step | undefined {
    let step = this.#byId.get(record.id)
    if (!step && record.started === undefined && record.completed === undefined) {
      this.#announced.set(record.id, record)
      return undefined
    }
    if (step) step.vertex = { ...step.vertex, ...record }
    else {
      step = {
        number: this.list.length + 1,
        vertex: { ...this.#announced.get(record.id), ...record },
        statuses: new Map(),
        tail: '',
      }
      this.list.push(step)
      this.#byId.set(record.id, step)
    }
    return step
  }

  /** Work outside any vertex (a load's layers) is a step of its own. */
  #loose(record: StatusProgress): Step {
    const id = record.vertex ?? ''
    const vertex = { kind: 'vertex', id, name: record.vertex ?? 'layers', started: Date.now() } as const
    const step: Step = { number: this.list.length + 1, vertex, statuses: new Map(), tail: '' }
    this.list.push(step)
    this.#byId.set(id, step)
    return step
  }
}

export function decode(record: LogProgress): string {
  return new TextDecoder().decode(record.data)
}

/** `1.2s`, as build logs show durations. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)}s`
}
