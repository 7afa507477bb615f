import { command, type Command } from '../command.ts'
import { print } from '../output.ts'

export const tags: Command = command({
  usage: 'REPOSITORY',
  summary: 'List the tags of a repository in its registry',
  options: {},
  min: 1,
  max: 1,
  completes: 'image',
  run: async (context, _, [name]) => {
    const node = await context.node()
    for await (const tag of node.registries.tags(name!, { signal: context.signal })) print(tag)
  },
})
