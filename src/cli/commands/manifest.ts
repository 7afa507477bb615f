import { text } from '#base'
import { command, type Command } from '../command.ts'
import { print, write } from '../output.ts'

export const manifestInspect: Command = command({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Display the manifest or index that a name has in its registry',
  options: { raw: { type: 'boolean', help: 'The bytes as they are, to which the digest belongs' } },
  min: 1,
  max: 1,
  completes: 'image',
  run: async (context, values, [name]) => {
    const { bytes } = await (await context.node()).registries.manifest(name!, { signal: context.signal })
    if (values.raw) write(1, bytes)
    else print(JSON.stringify(JSON.parse(text(bytes)), undefined, '\t'))
  },
})
