import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { readInput } from '../input.ts'
import { print } from '../output.ts'

export const importImage: Command = command({
  usage: '[OPTIONS] file|- [REPOSITORY[:TAG]]',
  summary: 'Import the contents from a tarball to create a filesystem image',
  options: {
    change: { type: 'string', short: 'c', multiple: true, help: 'Apply Dockerfile instruction to the created image' },
    message: { type: 'string', short: 'm', help: 'Set commit message for imported image' },
  },
  refused: { platform: 'the image gets the platform of this host' },
  min: 1,
  max: 2,
  completes: 'file',
  run: async (context, values, [source, name]) => {
    if (/^https?:/.test(source!))
      fail('unimplemented', 'import from a URL is not supported', {
        hint: `curl -fsSL ${source} | cairn import - ${name ?? ''}`.trim(),
      })
    const node = await context.node()
    const id = await node.images.import(
      readInput(source!),
      {
        ...(name === undefined ? {} : { name }),
        ...(values.message === undefined ? {} : { message: values.message }),
        changes: values.change ?? [],
      },
      { signal: context.signal },
    )
    print(id)
  },
})
