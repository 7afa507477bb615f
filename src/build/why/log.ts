import type { Digest } from '#oci'
import { digestData } from '../digest.ts'
import type { BuildVertex, Stack } from '../ops/definition.ts'
import type { SolveObserver } from '../solver/observer.ts'
import type { LocalTrees } from '../source/localtrees.ts'
import type { StepPlace } from '../types.ts'
import { changes } from './compare.ts'
import { keyParts } from './parts.ts'
import type { StepTable, StoredStep } from './table.ts'
import type { KeyInput, KeyParts, StepReason } from './types.ts'

interface Done {
  readonly vertex: BuildVertex
  readonly cached: boolean
}

/**
 * Follows a build, and when it has ended remembers what the keys of its steps were made of. A build that changed nothing
 * reads the old keys and writes nothing; what made a key is looked at only where the key is another one.
 */
export class StepLog implements SolveObserver<BuildVertex['def'], Stack> {
  readonly #keys = new Map<Digest, Digest>()
  readonly #results = new Map<Digest, Digest>()
  readonly #done = new Map<Digest, Done>()
  readonly #table: StepTable
  readonly #trees: LocalTrees

  constructor(table: StepTable, trees: LocalTrees) {
    this.#table = table
    this.#trees = trees
  }

  keyed(vertex: BuildVertex, key: Digest): void {
    this.#keys.set(vertex.digest, key)
  }

  ended(vertex: BuildVertex, cached: boolean, result?: Stack): void {
    this.#done.set(vertex.digest, { vertex, cached })
    if (result) this.#results.set(vertex.digest, digestData(result))
  }

  /** Writes down what is new. With `explain`, answers with the reasons as well: those of all steps that ended. */
  finish(explain: boolean): StepReason[] {
    const known = new Map<string, StoredStep[]>()
    for (const stored of this.#table.steps()) known.set(stored.stage, [...(known.get(stored.stage) ?? []), stored])
    const reasons: StepReason[] = []
    const changed: { place: StepPlace; key: Digest; parts: KeyParts }[] = []
    for (const { vertex, cached } of this.#done.values()) {
      const { step: place, name } = vertex
      const key = this.#keys.get(vertex.digest)
      if (!place || key === undefined) continue
      const stage = known.get(place.stage) ?? []
      const isKnown = stage.some((stored) => stored.step === place.index && stored.key === key)
      if (isKnown && (!explain || cached)) {
        reasons.push({ step: place, name, cached, changes: [] })
        continue
      }
      const parts = keyParts(vertex, this.#trees, (input) => this.#inputOf(input))
      if (explain) reasons.push({ step: place, name, cached, changes: cached ? [] : this.#why(stage, place, parts) })
      if (!isKnown) changed.push({ place, key, parts })
    }
    if (changed.length > 0) this.#table.save(changed)
    return reasons
  }

  #inputOf(input: BuildVertex): KeyInput {
    const key = this.#keys.get(input.digest) ?? ''
    return { name: input.step?.text ?? input.name, key, result: this.#results.get(input.digest) ?? '' }
  }

  #why(stage: readonly StoredStep[], place: StepPlace, parts: KeyParts): StepReason['changes'] {
    const before = counterpart(stage, place)
    const old = before && this.#table.parts(before)
    return old ? changes(old, parts) : [{ kind: 'first' }]
  }
}

/** The step of the last build that this one was: the nearest with the same text, else the one at the same place. */
function counterpart(stage: readonly StoredStep[], { text, index }: StepPlace): StoredStep | undefined {
  const same = stage.filter((stored) => stored.text === text)
  const [nearest] = same.toSorted((a, b) => Math.abs(a.step - index) - Math.abs(b.step - index))
  return nearest ?? stage.find((stored) => stored.step === index)
}
