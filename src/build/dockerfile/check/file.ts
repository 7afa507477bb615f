import type { ArgInstruction, FromInstruction, Instruction, Stage } from '../instruction.ts'
import type { Statement } from '../syntax.ts'
import type { Checks } from './checks.ts'

/** What can be found in one instruction without knowing a variable. */
export function checkInstruction(checks: Checks, instruction: Instruction): void {
  const { statement } = instruction
  if (instruction.name === 'MAINTAINER')
    checks.addIn(statement, 'MaintainerDeprecated', 'Maintainer instruction is deprecated in favor of using label')
  else if (instruction.name === 'FROM') from(checks, instruction)
  else if (instruction.name === 'ARG') argDescription(checks, instruction)
}

/** What the instructions say of each other, stages that are not needed included. */
export function checkFile(checks: Checks, stages: readonly Stage[]): void {
  stageNames(checks, stages)
  instructionCasing(checks, stages)
}

function from(checks: Checks, { statement, stage }: FromInstruction): void {
  const [, as, name] = statement.args.split(/[\t\v\f\r ]+/)
  if (as === undefined || name === undefined || stage === undefined) return
  if (name !== name.toLowerCase())
    checks.addIn(statement, 'StageNameCasing', `Stage name '${name}' should be lowercase`)
  const { keyword } = statement
  if (!asMatches(keyword, as))
    checks.addIn(statement, 'FromAsCasing', `'${as}' and '${keyword}' keywords' casing do not match`)
  description(checks, statement, 'FROM', [stage])
}

/** A keyword in mixed case is told of elsewhere. */
function asMatches(keyword: string, as: string): boolean {
  if (keyword === keyword.toLowerCase()) return as === as.toLowerCase()
  return keyword !== keyword.toUpperCase() || as === as.toUpperCase()
}

function argDescription(checks: Checks, { statement, args }: ArgInstruction): void {
  description(
    checks,
    statement,
    'ARG',
    args.map(({ key }) => key),
  )
}

function description(checks: Checks, statement: Statement, instruction: string, names: readonly string[]): void {
  const word = statement.comments.at(-1)?.split(' ', 1)[0]
  if (word === undefined || names.includes(word)) return
  const example = names.length === 1 ? names[0] : '<arg_key>'
  checks.addIn(
    statement,
    'InvalidDefinitionDescription',
    `Comment for ${instruction} should follow the format: \`# ${example} <description>\``,
  )
}

const RESERVED = new Set(['context', 'scratch'])

function stageNames(checks: Checks, stages: readonly Stage[]): void {
  const seen = new Set<string>()
  for (const { from: instruction } of stages) {
    const { stage: name, statement } = instruction
    if (name === undefined) continue
    if (RESERVED.has(name))
      checks.add(
        'ReservedStageName',
        statement.location,
        `Stage name should not use the same name as reserved stage "${name}"`,
      )
    if (seen.has(name))
      checks.add(
        'DuplicateStageName',
        statement.location,
        `Duplicate stage name "${name}", stage names should be unique`,
      )
    seen.add(name)
  }
}

function instructionCasing(checks: Checks, stages: readonly Stage[]): void {
  const statements = stages.flatMap(({ from: { statement }, instructions }) => [
    statement,
    ...instructions.map((instruction) => instruction.statement),
  ])
  const lower = statements.filter(({ keyword }) => keyword === keyword.toLowerCase()).length
  const upper = statements.filter(({ keyword }) => keyword === keyword.toUpperCase()).length
  const casing = lower > upper ? 'lowercase' : 'uppercase'
  for (const { keyword, location } of statements) {
    const wanted = lower > upper ? keyword.toLowerCase() : keyword.toUpperCase()
    if (keyword !== wanted)
      checks.add(
        'ConsistentInstructionCasing',
        location,
        `Command '${keyword}' should match the case of the command majority (${casing})`,
      )
  }
}
