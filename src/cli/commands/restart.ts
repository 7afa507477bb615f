import { command, type Command } from '../command.ts'
import { each } from '../each.ts'
import { stopFlags, stopOptions } from '../flags/stopping.ts'

export const restart: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Restart one or more containers',
  options: stopFlags,
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const options = stopOptions(values)
    const node = await context.node()
    return each(context, words, async (word) => {
      await node.containers.stop(word, options, { signal: context.signal })
      await node.containers.start(word, {}, { signal: context.signal })
    })
  },
})
