import { fail } from '#base'
import type { BuildRequest, StepChange, StepReason } from '#engine'
import type { Values } from '../../command.ts'
import { write } from '../../output.ts'

/** Why steps ran. */
export const whyFlags = {
  why: {
    type: 'string',
    value: 'all|step',
    help: 'Tell what changed since the last build here that made a step run again: all, a number, STAGE:NUMBER, or words of it',
  },
} as const

/** Collects the reasons while the build runs, to be shown when its progress stands still. */
export interface Why {
  readonly request: Pick<BuildRequest, 'explain'>
  show(): void
}

export function whyOf(values: Values<typeof whyFlags>): Why {
  const asked = values.why
  if (asked === undefined) return { request: {}, show: () => undefined }
  if (asked === '') fail('invalid_argument', '--why needs all, or a step')
  let reasons: readonly StepReason[] = []
  return {
    request: { explain: (steps) => void (reasons = steps) },
    show: () => {
      const chosen = choose(reasons, asked)
      write(2, chosen.length > 0 ? chosen.map(reasonText).join('') : nothingRan(reasons, asked))
    },
  }
}

function choose(reasons: readonly StepReason[], asked: string): readonly StepReason[] {
  if (asked === 'all') return reasons.filter(({ cached }) => !cached)
  const [, stage, number] = /^(?:(.+):)?(\d+)$/.exec(asked) ?? []
  if (number === undefined) return reasons.filter(({ name }) => name.includes(asked))
  // The target's last step comes last.
  const wanted = stage ?? reasons.at(-1)?.step.stage
  return reasons.filter(({ step }) => step.stage === wanted && step.index === Number(number))
}

function nothingRan(reasons: readonly StepReason[], asked: string): string {
  return asked === 'all' && reasons.length > 0 ? 'no step ran: nothing changed\n' : `no step ${asked} was reached\n`
}

/** A step with what made it run, a line each. */
function reasonText({ name, cached, changes }: StepReason): string {
  const lines = cached ? ['nothing changed: it was cached'] : changes.map(changeText)
  return `${name}\n${lines.map((line) => `  ${line}\n`).join('')}`
}

function changeText(change: StepChange): string {
  switch (change.kind) {
    case 'first':
      return 'first build of this step here: there is nothing to compare with'
    case 'member':
      return `${change.member} ${memberText(change.before, change.after)}`
    case 'file':
      return `file ${change.path} ${change.change}`
    case 'files':
      return `and ${change.count} more files`
    case 'input':
      return `what it reads is not what it was: ${change.name}`
    case 'unrecorded':
      return 'nothing changed: its record was pruned, or was not to be used (--no-cache)'
  }
}

function memberText(before: string | undefined, after: string | undefined): string {
  if (before === undefined && after === undefined) return 'changed'
  if (before === undefined) return `is new: ${after}`
  return after === undefined ? `is gone: ${before}` : `was ${before}, is ${after}`
}
