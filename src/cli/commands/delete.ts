import { command, type Command } from '../command.ts'
import { each } from '../each.ts'

export const deleteImage: Command = command({
  usage: '[OPTIONS] NAME:TAG|NAME@DIGEST...',
  summary: 'Delete tags from their registry, or by digest manifests with every tag that names them',
  options: { insecure: { type: 'boolean', help: 'Allow plain HTTP and certificates that are not valid' } },
  min: 1,
  completes: 'image',
  run: async (context, values, names) => {
    const { registries } = await context.node()
    const options = values.insecure ? { insecure: true } : {}
    return each(context, names, (name) => registries.delete(name, options, { signal: context.signal }))
  },
})
