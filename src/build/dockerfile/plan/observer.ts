import type { Platform } from '#oci'
import type { ArgInstruction, Instruction, Stage } from '../instruction.ts'
import type { Escape } from '../syntax.ts'
import type { BuildArgs, expander, Variables } from './scope.ts'
import type { StageRow } from './stagetable.ts'
import type { StageState } from './state.ts'

export type { StageRow } from './stagetable.ts'

/** The file, and the scope above its first FROM. */
export interface FileSeen {
  readonly stages: readonly Stage[]
  readonly globalArgs: readonly ArgInstruction[]
  /** What there is without any ARG. */
  readonly defaults: Variables
  /** What FROM lines see. */
  readonly global: Variables
  readonly escape: Escape
}

/** An instruction of a stage and what it finds there. */
export interface InstructionSeen {
  readonly row: StageRow
  readonly instruction: Instruction
  readonly state: StageState
  readonly expand: ReturnType<typeof expander>
  /** Expands and splits at white space. */
  readonly words: (word: string) => readonly string[]
  readonly escape: Escape
  readonly buildArgs: BuildArgs
  readonly global: Variables
}

/** Watches a plan being made: the checks and the outline are such. It changes nothing. */
export interface PlanObserver {
  /** An instruction was read, in the order of the file. */
  instruction?(instruction: Instruction): void
  /** All were, and the scope above the first FROM is known. */
  file?(file: FileSeen): void
  /** A stage is needed. */
  stage?(row: StageRow): void
  /** A stage begins with an image, which is for `platform`. */
  image?(row: StageRow, platform: Platform, asked: Platform): void
  /** An instruction of a stage that is needed is about to be planned. */
  before?(seen: InstructionSeen): void
  /** It was. */
  after?(seen: InstructionSeen): void
}
