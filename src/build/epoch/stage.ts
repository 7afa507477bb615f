import { fail } from '#base'
import type { CopyInstruction, Stage } from '../dockerfile/instruction.ts'
import { isCopy } from '../dockerfile/instruction.ts'
import { remoteSources } from '../dockerfile/plan/remote.ts'
import { expander, setVariable, type Variables } from '../dockerfile/plan/scope.ts'
import type { Escape } from '../dockerfile/syntax.ts'
import { located } from '../location.ts'
import type { BuildVertex } from '../ops/definition.ts'
import { EPOCH, type AskedEpoch } from './asked.ts'

/** What a stage that only says where a source is adds: `FROM scratch`, ARGs, and one ADD of a URL or repository. */
export function sourceStage(stage: Stage, { global, buildArgs }: AskedEpoch, escape: Escape): BuildVertex {
  const variables: Variables = new Map(global)
  const expand = expander(variables, escape)
  return located(stage.from.statement, () => {
    if (expand(stage.from.image) !== 'scratch') refuse('begins with scratch')
    let found: BuildVertex | undefined
    for (const instruction of stage.instructions)
      if (instruction.name === 'ARG') {
        for (const { key, value } of instruction.args) {
          const given = buildArgs.get(key) ?? (value === undefined ? undefined : expand(value))
          if (given !== undefined) setVariable(variables, key, given)
        }
      } else if (isCopy(instruction) && instruction.name === 'ADD' && !found) found = added(instruction, expand)
      else located(instruction.statement, () => refuse(`has one ADD, and no ${instruction.name} besides ARG`))
    return found ?? refuse('has an ADD of a URL or a repository')
  })
}

function added(instruction: CopyInstruction, expand: ReturnType<typeof expander>): BuildVertex {
  return located(instruction.statement, () => {
    const [source, ...others] = instruction.sources
    const remote = remoteSources(instruction, { expand, epoch: undefined })
    const fetched = source?.kind === 'path' && others.length === 0 ? remote(expand(source.path)) : undefined
    return fetched?.vertex ?? refuse('adds one URL or repository')
  })
}

function refuse(rule: string): never {
  fail('invalid_argument', `a stage that ${EPOCH} names ${rule}`)
}
