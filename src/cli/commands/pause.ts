import { command, type Command } from '../command.ts'
import { each } from '../each.ts'

export const pause: Command = command({
  usage: 'CONTAINER [CONTAINER...]',
  summary: 'Pause all processes within one or more containers',
  options: {},
  min: 1,
  completes: 'container',
  run: async (context, _, words) => {
    const node = await context.node()
    return each(context, words, (word) => node.containers.pause(word))
  },
})

export const unpause: Command = command({
  usage: 'CONTAINER [CONTAINER...]',
  summary: 'Unpause all processes within one or more containers',
  options: {},
  min: 1,
  completes: 'container',
  run: async (context, _, words) => {
    const node = await context.node()
    return each(context, words, (word) => node.containers.unpause(word))
  },
})
