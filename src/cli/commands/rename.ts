import { command, type Command } from '../command.ts'

export const rename: Command = command({
  usage: 'CONTAINER NEW_NAME',
  summary: 'Rename a container',
  options: {},
  min: 2,
  max: 2,
  completes: 'container',
  run: async (context, _, [ref, name]) => (await context.node()).containers.rename(ref!, name!),
})
