import { CairnError, fail } from '#base'
import { parsePlatform, parseReference, type Platform } from '#oci'
import { located } from '../../location.ts'
import { expand, expandWord, type Expansion } from '../expand.ts'
import type { Instruction, Stage } from '../instruction.ts'
import { nearest } from '../nearest.ts'
import type { Escape } from '../syntax.ts'
import type { Variables } from './scope.ts'

/** A stage with its FROM expanded: it begins with an earlier stage, or with an image. */
export interface StageRow {
  readonly stage: Stage
  readonly base?: StageRow
  /** The expanded reference. */
  readonly image: string
  readonly platform?: Platform
}

/** Resolves what each FROM names: the latest earlier stage of that name, whatever its case, else an image. */
export function stageTable(stages: readonly Stage[], global: Variables, escape: Escape): StageRow[] {
  const word = (text: string): Expansion => expand(text, (name) => global.get(name), { escape })
  const rows: StageRow[] = []
  for (const stage of stages)
    located(stage.from.statement, () => {
      const { value: image, unset } = word(stage.from.image)
      const hint = meant(unset, global)
      if (image === '') fail('invalid_argument', `base name (${stage.from.image}) should not be blank`, hint)
      const base = rows.findLast((row) => isNamed(row, image))
      if (!base && image !== 'scratch') hinting(hint, () => parseReference(image))
      const platform =
        stage.from.platform === undefined
          ? undefined
          : readPlatform(word(stage.from.platform), stage.from.platform, global)
      rows.push({ stage, image, ...(base ? { base } : {}), ...(platform ? { platform } : {}) })
    })
  return rows
}

function readPlatform({ value, unset }: Expansion, text: string, global: Variables): Platform {
  const hint = meant(unset, global)
  if (value === '') fail('invalid_argument', `empty platform value from expression ${text}`, hint)
  return hinting(hint, () => parsePlatform(value))
}

interface Hint {
  readonly hint?: string
}

/** What is refused within is refused with this hint. */
function hinting<T>(hint: Hint, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CairnError) || hint.hint === undefined) throw error
    throw new CairnError(error.code, error.message, { cause: error, ...hint })
  }
}

/** The variable that one that is not set may stand for. */
function meant(unset: ReadonlySet<string>, global: Variables): Hint {
  const close = [...unset].map((name) => nearest(name, [...global.keys()])).find((name) => name !== undefined)
  return close === undefined ? {} : { hint: `did you mean $${close}?` }
}

/** The stage to build: the last one, or the latest of the name that is asked for. */
export function findTarget(rows: readonly StageRow[], target: string | undefined): StageRow {
  if (target === undefined) return rows.at(-1)!
  const names = namesOf(rows)
  const close = nearest(target, names)
  const all = names.length > 0 ? `the stages are ${names.join(', ')}` : 'no stage has a name: write FROM image AS name'
  return (
    rows.findLast((row) => isNamed(row, target)) ??
    fail('not_found', `target stage ${JSON.stringify(target)} could not be found`, {
      hint: close === undefined ? all : `did you mean ${close}?`,
    })
  )
}

/** Base images that many begin with. */
const COMMON = ['alpine', 'busybox', 'centos', 'debian', 'fedora', 'golang', 'node', 'python', 'ubuntu']

/** An image that was not found, when its name is nearly that of a stage or of an image that everybody knows. */
export function meantStage(error: unknown, name: string, rows: readonly StageRow[]): unknown {
  const close = nearest(name, [...namesOf(rows), ...COMMON])
  if (!(error instanceof CairnError) || close === undefined || close === name) return error
  return new CairnError(error.code, error.message, { cause: error, hint: `did you mean ${close}?` })
}

function namesOf(rows: readonly StageRow[]): readonly string[] {
  return rows.flatMap((row) => row.stage.from.stage ?? [])
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
