import { fail } from '#base'
import type { Values } from '../../command.ts'
import { renderer, type RendererName } from '../../progress/renderer.ts'
import type { Renderer } from '../../progress/types.ts'
import { isTerminal } from '../../terminal.ts'

/** How the build is shown. */
export const progressFlags = {
  progress: {
    type: 'string',
    help: 'Set type of progress output (auto, quiet, plain, tty, rawjson)',
    complete: ['auto', 'plain', 'tty', 'quiet', 'rawjson'],
  },
  timeline: { type: 'string', help: 'Write a page that shows when each step ran (HTML)', complete: 'file' },
  quiet: { type: 'boolean', short: 'q', help: 'Suppress the build output and print image ID on success' },
} as const

const RENDERERS: readonly string[] = progressFlags.progress.complete

/** What shows the build as the flags ask: on the terminal, and as a page beside it. */
export async function progressOf(values: Values<typeof progressFlags>, title: string): Promise<Renderer> {
  const shown = renderer(rendererName(values))
  if (values.timeline === undefined) return shown
  const { withTimeline } = await import('../../progress/timeline.ts')
  return withTimeline(shown, values.timeline, title)
}

function rendererName(values: Values<typeof progressFlags>): RendererName {
  if (values.quiet) return 'quiet'
  const asked = values.progress ?? process.env['BUILDKIT_PROGRESS'] ?? 'auto'
  if (!RENDERERS.includes(asked))
    fail('invalid_argument', `invalid progress mode ${JSON.stringify(asked)}`, { hint: RENDERERS.join(', ') })
  return asked === 'auto'
    ? isTerminal(2) && process.env['TERM'] !== 'dumb'
      ? 'tty'
      : 'plain'
    : (asked as RendererName)
}
