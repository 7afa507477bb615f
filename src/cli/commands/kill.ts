import { command, type Command } from '../command.ts'
import { each } from '../each.ts'

export const kill: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Kill one or more running containers',
  options: {
    signal: { type: 'string', short: 's', help: 'Signal to send to the container (default KILL)' },
  },
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const node = await context.node()
    return each(context, words, (word) => node.containers.kill(word, values.signal ?? 'KILL'))
  },
})
