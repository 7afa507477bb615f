import type { WarningProgress } from '#base'
import { excerpt } from '../excerpt.ts'
import { paint } from '../output.ts'

/** What a build warned of, as its end tells it; nothing when there was nothing. */
export function warningsText(warnings: readonly WarningProgress[], colour: boolean): string {
  if (warnings.length === 0) return ''
  const count = warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`
  const lines = warnings.flatMap(({ message, location }) => [
    ` - ${message}`,
    ...(location ? excerpt(location, colour).map((line) => `   ${line}`) : []),
  ])
  return `\n${paint(colour, '33', `${count} found:`)}\n${lines.join('\n')}\n`
}
