import { existsSync, writeFileSync } from 'node:fs'
import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { containerFlags, containerOptions, refusedContainerFlags } from '../flags/container.ts'
import { print } from '../output.ts'

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
    const container = await node.containers.create(containerOptions(values, words), { signal: context.signal })
    if (idFile !== undefined) writeFileSync(idFile, container.id)
    print(container.id)
  },
})
