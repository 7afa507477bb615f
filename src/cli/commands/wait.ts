import { command, type Command } from '../command.ts'
import { each } from '../each.ts'

export const wait: Command = command({
  usage: 'CONTAINER [CONTAINER...]',
  summary: 'Block until one or more containers stop, then print their exit codes',
  options: {},
  min: 1,
  completes: 'container',
  run: async (context, _, words) => {
    const node = await context.node()
    return each(context, words, async (word) =>
      String((await node.containers.wait(word, { signal: context.signal })).code),
    )
  },
})
