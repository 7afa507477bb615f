import { fail } from '#base'
import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'
import { write } from '../../output.ts'
import type { Renderer } from '../../progress/types.ts'
import { isTerminal } from '../../terminal.ts'

/** What is done when a step fails. */
export const onErrorFlags = {
  'on-error': {
    type: 'string',
    value: 'shell|command',
    help: "Open a shell in the failed step's file system, with its environment and mounts; or run a command there",
  },
} as const

/** The shell has the terminal to itself: the progress ends where it is. */
export function onErrorRequest(values: Values<typeof onErrorFlags>, progress: Renderer): Pick<BuildRequest, 'onError'> {
  const asked = values['on-error']
  if (asked === undefined) return {}
  if (asked === '') fail('invalid_argument', '--on-error needs shell, or a command')
  if (asked !== 'shell') return { onError: { command: asked } }
  if (!isTerminal(0) || !isTerminal(1))
    fail('invalid_argument', '--on-error=shell needs a terminal', { hint: "or give a command: --on-error='ls -l'" })
  return {
    onError: {
      shell: async (open) => {
        progress.end()
        write(2, 'The step failed. This is a shell where it stopped; the build ends when you leave it.\n')
        await open()
      },
    },
  }
}
