import { fail } from '#base'
import { parsePlatform, type Platform } from '#oci'
import { located } from '../../location.ts'
import { expandWord } from '../expand.ts'
import type { Instruction, Stage } from '../instruction.ts'

/** A stage with its FROM expanded: it begins with an earlier stage, or with an image. */
export interface StageRow {
  readonly stage: Stage
  readonly base?: StageRow
  /** The expanded reference. */
  readonly image: string
  readonly platform?: Platform
}

/** Resolves what each FROM names: the latest earlier stage of that name, whatever its case, else an image. */
export function stageTable(stages: readonly Stage[], expand: (word: string) => string): StageRow[] {
  const rows: StageRow[] = []
  for (const stage of stages)
    located(stage.from.statement, () => {
      const image = expand(stage.from.image)
      if (image === '') fail('invalid_argument', `base name (${stage.from.image}) should not be blank`)
      const base = rows.findLast((row) => row.stage.from.stage === image.toLowerCase())
      const platform = stage.from.platform === undefined ? undefined : readPlatform(stage.from.platform, expand)
      rows.push({ stage, image, ...(base ? { base } : {}), ...(platform ? { platform } : {}) })
    })
  return rows
}

function readPlatform(text: string, expand: (word: string) => string): Platform {
  const platform = expand(text)
  if (platform === '') fail('invalid_argument', `empty platform value from expression ${text}`)
  return parsePlatform(platform)
}

/** Refuses, in stages that are not needed as well, what copies from nowhere or in circles. */
export function checkSources(
  rows: readonly StageRow[],
  sourcesOf: (instruction: Instruction) => readonly string[],
): void {
  const done = new Set<StageRow>()
  const visit = (row: StageRow, path: readonly StageRow[]): void => {
    if (done.has(row)) return
    for (const instruction of row.stage.instructions)
      located(instruction.statement, () => {
        for (const from of sourcesOf(instruction)) {
          checkWord(from)
          const next = lookUp(rows, row, from)
          if (!next) continue
          if (next === row || path.includes(next)) circular(next, from)
          visit(next, [...path, row])
        }
      })
    if (row.base) visit(row.base, [...path, row])
    done.add(row)
  }
  for (const row of rows) visit(row, [])
}

function checkWord(from: string): void {
  if (/[$\\'"]/.test(from) && expandWord(from, () => undefined) !== from)
    fail('invalid_argument', 'variables are not expanded in --from', {
      hint: 'make a stage of it: FROM $IMAGE AS name, then --from=name',
    })
}

function circular({ stage }: StageRow, from: string): never {
  fail(
    'invalid_argument',
    `circular dependency: stage ${stage.from.stage ?? stage.index} needs itself (--from=${from})`,
  )
}

/** The stage that `--from` of an instruction in `row` names; undefined for an image. `quiet`: undefined for errors too. */
export function findStage(rows: readonly StageRow[], row: StageRow, from: string, quiet = false): StageRow | undefined {
  if (quiet) return earlierStage(rows, row, from)
  const found = lookUp(rows, row, from)
  if (found === row) circular(row, from)
  if (found && found.stage.index > row.stage.index)
    fail('invalid_argument', `cannot copy from stage ${JSON.stringify(from)}, it needs to be defined before`)
  return found
}

function lookUp(rows: readonly StageRow[], row: StageRow, from: string): StageRow | undefined {
  const byNumber = isNumber(from)
  const found =
    earlierStage(rows, row, from) ?? (byNumber ? rows[Number(from)] : rows.find((other) => isNamed(other, from)))
  return found ?? (byNumber ? fail('invalid_argument', `invalid stage index ${from}`) : undefined)
}

/** Of several of one name the latest before this one. */
function earlierStage(rows: readonly StageRow[], row: StageRow, from: string): StageRow | undefined {
  const earlier = rows.slice(0, row.stage.index)
  return isNumber(from) ? earlier[Number(from)] : earlier.findLast((other) => isNamed(other, from))
}

function isNumber(from: string): boolean {
  return /^[+-]?\d+$/.test(from)
}

function isNamed({ stage }: StageRow, name: string): boolean {
  return stage.from.stage === name.toLowerCase()
}
