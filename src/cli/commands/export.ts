import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { toFile } from './save.ts'
import { isTerminal } from '../terminal.ts'

export const exportContainer: Command = command({
  usage: '[OPTIONS] CONTAINER',
  summary: "Export a container's filesystem as a tar archive",
  options: {
    output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT', complete: 'file' },
  },
  min: 1,
  max: 1,
  completes: 'container',
  run: async (context, values, words) => {
    if (values.output === undefined && isTerminal(1))
      fail('invalid_argument', 'cowardly refusing to save to a terminal', { hint: 'use -o, or redirect' })
    const node = await context.node()
    await toFile(await node.containers.export(words[0]!, { signal: context.signal }), values.output)
  },
})
