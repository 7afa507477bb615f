import { command, type Command } from '../command.ts'
import { each } from '../each.ts'
import { stopFlags, stopOptions } from '../flags/stopping.ts'

export const stop: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Stop one or more running containers',
  options: stopFlags,
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const options = stopOptions(values)
    const node = await context.node()
    // All at once: ten containers that take their time take it together.
    const stopping = new Map(
      words.map((word) => [word, node.containers.stop(word, options, { signal: context.signal })]),
    )
    for (const work of stopping.values()) work.catch(() => undefined)
    return each(context, words, (word) => stopping.get(word)!)
  },
})
