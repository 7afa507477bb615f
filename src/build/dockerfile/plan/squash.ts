import type { Definition } from '../../ops/definition.ts'
import { vertex } from '../../solver/vertex.ts'
import type { StageState } from './state.ts'

/** A stage with its own layers made one. In the history the last instruction that made one keeps it. */
export function squashedState(state: StageState, epoch: number | undefined): StageState {
  const last = state.history.findLastIndex((entry) => !entry.base && !entry.empty_layer)
  if (!state.vertex || last < 0) return state
  const def: Definition = { op: 'squash', base: state.baseLayers.length, ...(epoch === undefined ? {} : { epoch }) }
  return {
    ...state,
    vertex: vertex<Definition>(def, [state.vertex], { name: 'squashing layers' }),
    history: state.history.map((entry, i) => (entry.base || i === last ? entry : { ...entry, empty_layer: true })),
  }
}
