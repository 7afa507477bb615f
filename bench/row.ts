import type { Contestant } from './measure.ts'
import type { Stage } from './stage.ts'

/** One line of the table: the same work, done by each. Cairn comes first. */
export interface Row {
  readonly title: string
  readonly rounds: number
  contestants(stage: Stage): Promise<readonly Contestant[]> | readonly Contestant[]
}
