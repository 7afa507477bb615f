import { fail } from '#base'
import { parsePlatform, type Platform } from '#oci'
import { located } from '../../location.ts'
import type { Stage } from '../instruction.ts'

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

/** The stage that `--from` of an instruction in `row` names; undefined for an image. `quiet`: undefined for errors too. */
export function findStage(rows: readonly StageRow[], row: StageRow, from: string, quiet = false): StageRow | undefined {
  const { index } = row.stage
  const byNumber = /^[+-]?\d+$/.test(from)
  const earlier = byNumber
    ? rows[Number(from)]
    : (rows.slice(0, index).findLast((other) => other.stage.from.stage === from.toLowerCase()) ??
      rows.find((other) => other.stage.from.stage === from.toLowerCase()))
  if (quiet) return earlier && earlier.stage.index < index ? earlier : undefined
  if (!earlier) return byNumber ? fail('invalid_argument', `invalid stage index ${from}`) : undefined
  if (earlier === row) fail('invalid_argument', `circular dependency: the stage copies from itself (--from=${from})`)
  if (earlier.stage.index > index)
    fail('invalid_argument', `cannot copy from stage ${JSON.stringify(from)}, it needs to be defined before`)
  return earlier
}
