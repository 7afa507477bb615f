import { command, type Command } from '../command.ts'
import { parseInteger } from '../flags/quantities.ts'
import { print } from '../output.ts'

export const commit: Command = command({
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  summary: "Create a new image from a container's changes",
  options: {
    author: { type: 'string', short: 'a', help: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")' },
    change: {
      type: 'string',
      short: 'c',
      multiple: true,
      value: 'list',
      help: 'Apply Dockerfile instruction to the created image',
    },
    message: { type: 'string', short: 'm', help: 'Commit message' },
    pause: { type: 'boolean', short: 'p', help: 'Pause container during commit (default true)' },
  },
  min: 1,
  max: 2,
  completes: 'container',
  run: async (context, values, [ref, name]) => {
    const { SOURCE_DATE_EPOCH: epoch } = process.env
    const node = await context.node()
    const id = await node.containers.commit(
      ref!,
      {
        ...(name === undefined ? {} : { name }),
        ...(values.author === undefined ? {} : { author: values.author }),
        ...(values.message === undefined ? {} : { message: values.message }),
        ...(epoch ? { epoch: parseInteger(epoch, 'SOURCE_DATE_EPOCH', 0) } : {}),
        changes: values.change ?? [],
        pause: values.pause !== false,
      },
      { signal: context.signal },
    )
    print(id)
  },
})
