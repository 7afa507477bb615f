import { command, type Command } from '../command.ts'
import { containerFlags, containerOptions, refusedContainerFlags } from '../flags/container.ts'
import { print } from '../output.ts'
import { creating } from '../creating.ts'

export const create: Command = command({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a new container',
  options: containerFlags,
  refused: refusedContainerFlags,
  min: 1,
  stopAfter: 1,
  completes: 'image',
  failure: 125,
  run: async (context, values, words) => {
    const node = await context.node()
    const container = await creating(node, containerOptions(values, words), values, context.signal)
    print(container.id)
  },
})
