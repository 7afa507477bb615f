import type { SourceLocation } from '#base'
import { formatPlatform, type Platform } from '#oci'
import type { IgnoreRules } from '../../source/ignore.ts'
import type { Instruction } from '../instruction.ts'
import { quoted } from '../plan/history.ts'
import type { InstructionSeen, PlanObserver, StageRow } from '../plan/observer.ts'
import { attempt } from './attempt.ts'
import { checkFile, checkInstruction } from './file.ts'
import { checkFrom } from './from.ts'
import type { Checks } from './checks.ts'
import { ignoredSources } from './ignored.ts'
import { meant } from './suggest.ts'
import { undefinedIn } from './variables.ts'

/** What a stage has had so far. */
interface StageMemory {
  /** The last CMD, ENTRYPOINT and HEALTHCHECK. */
  readonly last: Map<string, SourceLocation>
  hasWorkdir: boolean
}

/** Lets the checks see a plan being made. `ignored`: what the context's ignore file says, read when it is asked for. */
export function checkPlan(checks: Checks, ignored: () => IgnoreRules | undefined): PlanObserver {
  const memories = new Map<StageRow, StageMemory>()
  const memoryOf = (row: StageRow): StageMemory => {
    let memory = memories.get(row)
    const hasWorkdir = (row.base && memories.get(row.base)?.hasWorkdir) ?? false
    if (!memory) memories.set(row, (memory = { last: new Map(), hasWorkdir }))
    return memory
  }
  return {
    instruction: (instruction) => checkInstruction(checks, instruction),
    file: (file) => {
      checkFile(checks, file.stages)
      checkFrom(checks, file)
    },
    image: (row, image, asked) => basePlatform(checks, row, image, asked),
    before: (seen) => {
      for (const check of CHECKS) check(checks, seen, memoryOf(seen.row))
      const { instruction, expand } = seen
      for (const detail of ignoredSources(instruction, expand, ignored))
        checks.addIn(instruction.statement, 'CopyIgnoredFile', detail)
    },
  }
}

function basePlatform(checks: Checks, { image, stage }: StageRow, actual: Platform, expected: Platform): void {
  if (actual.os === expected.os && actual.architecture === expected.architecture) return
  const [is, wanted] = [formatPlatform(actual), formatPlatform(expected)]
  checks.add(
    'InvalidBaseImagePlatform',
    stage.from.statement.location,
    `Base image ${image} was pulled with platform "${is}", expected "${wanted}" for current build`,
  )
}

type Check = (checks: Checks, seen: InstructionSeen, memory: StageMemory) => void

const CHECKS: readonly Check[] = [
  undefinedVariables,
  secrets,
  legacyPairs,
  relativeWorkdir,
  shellForms,
  repeated,
  ports,
]

/** Arguments of builds with an SBOM; no environment, and always there. */
const NOT_IN_ENVIRONMENT = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'])

function undefinedVariables(checks: Checks, { instruction, state, ...scope }: InstructionSeen): void {
  const { variables, args } = state
  for (const name of undefinedIn(instruction, { variables, ...scope }))
    if (!args.includes(name) && !NOT_IN_ENVIRONMENT.has(name))
      checks.addIn(
        instruction.statement,
        'UndefinedVar',
        `Usage of undefined variable '$${name}'${meant(name, variables.keys(), '$')}`,
      )
}

const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i
const NO_SECRET = /(?:_|^)(?:public|file|version)(?:_|$)/i

function secrets(checks: Checks, { instruction, expand }: InstructionSeen): void {
  const { name, statement } = instruction
  for (const key of keysOf(instruction, expand))
    if (SECRET.test(key) && !NO_SECRET.test(key))
      checks.addIn(
        statement,
        'SecretsUsedInArgOrEnv',
        `Do not use ARG or ENV instructions for sensitive data (${name} ${quoted(key)})`,
      )
}

function keysOf(instruction: Instruction, expand: (word: string) => string): readonly string[] {
  if (instruction.name === 'ARG') return instruction.args.map(({ key }) => key)
  if (instruction.name !== 'ENV') return []
  return instruction.pairs.flatMap(({ key }) => attempt(() => expand(key)) ?? [])
}

function legacyPairs(checks: Checks, { instruction }: InstructionSeen): void {
  if (instruction.name !== 'ENV' && instruction.name !== 'LABEL') return
  const { pairs, statement } = instruction
  const { keyword } = statement
  if (pairs.some(({ legacy }) => legacy))
    checks.addIn(
      statement,
      'LegacyKeyValueFormat',
      `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
    )
}

/** Only the first WORKDIR of a stage, or of those that it begins with: whoever fixes it fixes all. */
function relativeWorkdir(checks: Checks, { instruction, expand }: InstructionSeen, memory: StageMemory): void {
  if (instruction.name !== 'WORKDIR') return
  const path = attempt(() => expand(instruction.text)) ?? '/'
  if (!memory.hasWorkdir && !path.startsWith('/'))
    checks.addIn(
      instruction.statement,
      'WorkdirRelativePath',
      `Relative workdir ${quoted(path)} can have unexpected results if the base image changes`,
    )
  memory.hasWorkdir = true
}

/** Where a SHELL was chosen it is meant. */
function shellForms(checks: Checks, { instruction, state }: InstructionSeen): void {
  if (instruction.name !== 'CMD' && instruction.name !== 'ENTRYPOINT') return
  if (instruction.command.form !== 'shell' || (state.config.Shell ?? []).length > 0) return
  checks.addIn(
    instruction.statement,
    'JSONArgsRecommended',
    `JSON arguments recommended for ${instruction.statement.keyword} to prevent unintended behavior related to OS signals`,
  )
}

/** Told at the earlier one, which is the one without effect. */
function repeated(checks: Checks, { instruction: { name, statement } }: InstructionSeen, { last }: StageMemory): void {
  if (name !== 'CMD' && name !== 'ENTRYPOINT' && name !== 'HEALTHCHECK') return
  const before = last.get(name)
  if (before)
    checks.addIn(
      statement,
      'MultipleInstructionsDisallowed',
      `Multiple ${statement.keyword} instructions should not be used in the same stage because only the last one will be used`,
      before,
    )
  last.set(name, statement.location)
}

function ports(checks: Checks, { instruction, words }: InstructionSeen): void {
  if (instruction.name !== 'EXPOSE') return
  const { statement } = instruction
  for (const port of instruction.ports.flatMap((word) => attempt(() => words(word)) ?? [])) {
    const [, protocol = ''] = port.split(':').at(-1)!.split('/')
    if (protocol !== protocol.toLowerCase())
      checks.addIn(
        statement,
        'ExposeProtoCasing',
        `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
      )
    if (port.replace(/^:+/, '').includes(':'))
      checks.addIn(
        statement,
        'ExposeInvalidFormat',
        `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
      )
  }
}
