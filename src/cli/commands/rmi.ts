import { isCode } from '#base'
import { command, type Command } from '../command.ts'
import { print } from '../output.ts'
import { report } from '../report.ts'

export const rmi: Command = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Remove one or more images',
  options: {
    force: { type: 'boolean', short: 'f', help: 'Force removal of the image' },
    'no-prune': { type: 'boolean', help: 'Accepted; parents are never kept as images here' },
  },
  min: 1,
  completes: 'image',
  run: async (context, values, words) => {
    const node = await context.node()
    let code = 0
    for (const word of words) {
      try {
        const { untagged, deleted } = await node.images.remove(
          word,
          { force: values.force === true },
          { signal: context.signal },
        )
        for (const name of untagged) print(`Untagged: ${name}`)
        for (const id of deleted) print(`Deleted: ${id}`)
      } catch (error) {
        // docker rmi -f of what is not there complains and succeeds.
        const failed = report(error, { failure: 1, debug: context.debug })
        if (!(values.force && isCode(error, 'not_found'))) code = failed
      }
    }
    return code
  },
})
