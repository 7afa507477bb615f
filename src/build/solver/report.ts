import { messageOf, type Call, type Progress } from '#base'
import type { Vertex } from '../types.ts'
import type { SolveObserver } from './observer.ts'

/** Turns what happens to vertices into progress records, each vertex's end once. */
export class Report<D, R> {
  cached = 0
  readonly #ended = new Set<string>()
  readonly #call: Call | undefined
  readonly #observer: SolveObserver<D, R> | undefined

  constructor(call: Call | undefined, observer?: SolveObserver<D, R>) {
    this.#call = call
    this.#observer = observer
  }

  announce(vertex: Vertex<D>): void {
    this.#send(vertex, {})
  }

  /** The vertex and all below it were answered by a record; those below were not even looked at. */
  hit(vertex: Vertex<D>, result?: R): void {
    if (this.#ended.has(vertex.digest)) return
    this.#ended.add(vertex.digest)
    for (const input of vertex.inputs) this.hit(input)
    this.#observer?.ended(vertex, true, result)
    if (!vertex.internal) this.cached++
    const now = Date.now()
    this.#send(vertex, { started: now, completed: now, cached: true })
  }

  /** Runs the op under a call whose records carry the vertex's id. */
  async ran(vertex: Vertex<D>, signal: AbortSignal, work: (call: Call) => Promise<R>): Promise<R> {
    const started = Date.now()
    this.#send(vertex, { started })
    try {
      const result = await work(this.#callOf(vertex, signal))
      this.#ended.add(vertex.digest)
      this.#observer?.ended(vertex, false, result)
      this.#send(vertex, { started, completed: Date.now() })
      return result
    } catch (error) {
      this.#send(vertex, { started, completed: Date.now(), error: messageOf(error) })
      throw error
    }
  }

  /** A call for finding out a key: an op that has something to tell then (a download) shows as begun. */
  asked(vertex: Vertex<D>, signal: AbortSignal): Call {
    let begun = false
    return this.#callOf(vertex, signal, () => {
      if (!begun) this.#send(vertex, { started: Date.now() })
      begun = true
    })
  }

  #callOf(vertex: Vertex<D>, signal: AbortSignal, before?: () => void): Call {
    const progress = this.#call?.progress
    if (!progress) return { signal }
    const forward = (record: Progress): void => {
      before?.()
      progress('vertex' in record || record.kind === 'vertex' ? record : { ...record, vertex: vertex.digest })
    }
    return { signal, progress: forward }
  }

  #send(vertex: Vertex<D>, state: object): void {
    if (vertex.internal) return
    this.#call?.progress?.({
      kind: 'vertex',
      id: vertex.digest,
      name: vertex.name,
      inputs: shownInputs(vertex).map((input) => input.digest),
      ...state,
    })
  }
}

/** Internal vertices stand for what they read. */
function shownInputs<D>({ inputs }: Vertex<D>): readonly Vertex<D>[] {
  return inputs.flatMap((input) => (input.internal ? shownInputs(input) : [input]))
}
