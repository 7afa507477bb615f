import type { Vertex } from '../../types.ts'
import type { BuildVertex, Definition } from '../../ops/definition.ts'
import { cleanPath } from '../../source/cleanpath.ts'
import { vertex } from '../../solver/vertex.ts'
import type { WorkdirInstruction } from '../instruction.ts'
import type { Statement } from '../syntax.ts'
import type { expander } from './scope.ts'
import type { StageState } from './state.ts'
import type { StepDefaults } from './stepdefaults.ts'
import { workdirAfter } from './state.ts'

/** What the instructions that make layers need besides the stage's state. */
export interface LayerContext {
  readonly state: StageState
  readonly expand: ReturnType<typeof expander>
  readonly epoch: number | undefined
  readonly steps: StepDefaults
  /** What is known of an instruction's vertex besides its definition. */
  readonly about: (text: string, statement: Statement) => About
}

export type About = Omit<Vertex, 'def' | 'inputs' | 'digest'>

const DEFAULT_SHELL = ['/bin/sh', '-c']

/** An argument vector, text behind the stage's shell. */
export function shellArgs(state: StageState, text: string): string[] {
  const shell = state.config.Shell
  return [...(shell && shell.length > 0 ? shell : DEFAULT_SHELL), text]
}

/** Adds a vertex over the stage's stack. */
export function push(context: LayerContext, def: Definition, others: readonly BuildVertex[], about: About): void {
  const { state } = context
  state.vertex = vertex<Definition>(def, [...(state.vertex ? [state.vertex] : []), ...others], about)
}

export function layered({ state, epoch }: LayerContext): { readonly below: boolean; readonly epoch?: number } {
  return { below: state.vertex !== undefined, ...(epoch === undefined ? {} : { epoch }) }
}

export function applyWorkdir(instruction: WorkdirInstruction, context: LayerContext): void {
  const { state, expand } = context
  const { statement } = instruction
  const workdir = workdirAfter(state.config.WorkingDir || '/', expand(instruction.text))
  state.config.WorkingDir = workdir
  if (workdir !== '/')
    push(
      context,
      { op: 'mkdir', ...layered(context), path: cleanPath(workdir), user: state.config.User ?? '' },
      [],
      context.about(`WORKDIR ${workdir}`, statement),
    )
  state.history.push({ created_by: `WORKDIR ${workdir}`, ...(workdir === '/' ? { empty_layer: true } : {}) })
}

/** What `work` gives, or `otherwise` where it fails: for names, which say what they can. */
export function attempt(work: () => string, otherwise: string): string {
  try {
    return work()
  } catch {
    return otherwise
  }
}
