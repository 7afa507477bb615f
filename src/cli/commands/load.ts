import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { print } from '../output.ts'
import { openInput } from '../input.ts'
import { renderer } from '../progress/renderer.ts'
import { isTerminal } from '../terminal.ts'

export const load: Command = command({
  usage: '[OPTIONS]',
  summary: 'Load an image from a tar archive or STDIN',
  options: {
    input: {
      type: 'string',
      short: 'i',
      help: 'Read from tar archive file or directory, instead of STDIN',
      complete: 'file',
    },
    platform: { type: 'string', help: 'Load only the image for this platform' },
    quiet: { type: 'boolean', short: 'q', help: 'Suppress the load output' },
  },
  max: 0,
  run: async (context, values) => {
    const { input } = values
    if (input === undefined && isTerminal(0))
      fail('invalid_argument', 'requested load from stdin, but stdin is empty', { hint: 'use -i FILE, or redirect' })
    const node = await context.node()
    using progress = renderer(values.quiet || !isTerminal(2) ? 'quiet' : 'tty', 'Loading')
    const loaded = await node.images.load(
      openInput(input ?? '-'),
      values.platform === undefined ? {} : { platform: values.platform },
      { signal: context.signal, progress: progress.report },
    )
    progress.end()
    for (const name of loaded) print(name.startsWith('sha256:') ? `Loaded image ID: ${name}` : `Loaded image: ${name}`)
  },
})
