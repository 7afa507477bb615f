import type { BuildDifference, Verification } from '#engine'
import { note, paint } from './output.ts'
import { colours } from './terminal.ts'

/** Says whether two builds came to the same, and if not, where and why. Answers the exit code. */
export function reportVerification({ digests: [first, second], differences, more }: Verification): number {
  const colour = colours(2)
  if (first === second) {
    note(`${paint(colour, '32', 'verified:')} two builds, one digest: ${first}`)
    return 0
  }
  note(`${paint(colour, '1;31', 'cairn:')} two builds of one source differ: ${first} and ${second}`)
  let made: string | undefined
  const leaks = new Map<string, string>()
  for (const difference of differences) {
    if (difference.createdBy !== made && difference.createdBy !== undefined)
      note(`layer ${difference.layer}: ${difference.createdBy}`)
    made = difference.createdBy
    note(`  ${line(difference)}`)
    if (difference.leak) leaks.set(difference.leak.what, difference.leak.cure)
  }
  if (more) note('  … and more')
  for (const [what, cure] of leaks) note(`${paint(colour, '36', 'hint:')} ${what}; ${cure}`)
  return 1
}

function line({ path, field, first, second }: BuildDifference): string {
  return `${path}: ${field}: ${short(first)} | ${short(second)}`
}

/** Digests are told apart by their beginnings. */
function short(text: string): string {
  return text.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1')
}
