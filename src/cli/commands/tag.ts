import { command, type Command } from '../command.ts'

export const tag: Command = command({
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  options: {},
  min: 2,
  max: 2,
  completes: 'image',
  run: async (context, _, [ref, name]) => (await context.node()).images.tag(ref!, name!),
})
