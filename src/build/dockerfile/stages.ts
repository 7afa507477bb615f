import { fail } from '#base'
import { located } from '../location.ts'
import type { ArgInstruction, Instruction, Stage } from './instruction.ts'
import { readInstruction } from './read.ts'
import type { Dockerfile } from './syntax.ts'

/** A Dockerfile as its stages, in their order. */
export interface Stages {
  /** `ARG`s before the first `FROM`. */
  readonly globalArgs: readonly ArgInstruction[]
  readonly stages: readonly Stage[]
}

/** Statements to stages: every instruction is read, so an error in a stage that is never built is found as well. */
export function readStages(dockerfile: Dockerfile, seen?: (instruction: Instruction) => void): Stages {
  const globalArgs: ArgInstruction[] = []
  const stages: { from: Stage['from']; index: number; instructions: Stage['instructions'][number][] }[] = []
  for (const statement of dockerfile.statements) {
    const instruction: Instruction = readInstruction(statement, dockerfile.escape)
    seen?.(instruction)
    const stage = stages.at(-1)
    if (instruction.name === 'FROM') stages.push({ from: instruction, index: stages.length, instructions: [] })
    else if (stage) stage.instructions.push(instruction)
    else if (instruction.name === 'ARG') globalArgs.push(instruction)
    else
      located(statement, () =>
        fail('invalid_argument', `${statement.name} before the first FROM`, {
          hint: 'begin with FROM; only ARG may precede it',
        }),
      )
  }
  if (stages.length === 0)
    fail('invalid_argument', 'the Dockerfile has no stage to build', {
      location: dockerfile.statements[0]!.location,
      hint: 'add a FROM',
    })
  return { globalArgs, stages }
}
