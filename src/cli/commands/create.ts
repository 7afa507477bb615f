import { existsSync, writeFileSync } from 'node:fs'
import { fail } from '#base'
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
    const idFile = values.cidfile
    if (idFile !== undefined && existsSync(idFile)) fail('already_exists', `container ID file found: ${idFile}`)
    const node = await context.node()
    const container = await creating(node, containerOptions(values, words), values.quiet === true, context.signal)
    if (idFile !== undefined) writeFileSync(idFile, container.id)
    print(container.id)
  },
})
