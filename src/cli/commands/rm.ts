import { isCode } from '#base'
import { command, type Command } from '../command.ts'
import { each } from '../each.ts'
import { report } from '../report.ts'

export const rm: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Remove one or more containers',
  options: {
    force: { type: 'boolean', short: 'f', help: 'Force the removal of a running container (uses SIGKILL)' },
    volumes: { type: 'boolean', short: 'v', help: 'Remove anonymous volumes associated with the container' },
  },
  refused: { link: 'there are no links: containers on one network find each other by name' },
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const node = await context.node()
    const options = { force: values.force === true, volumes: values.volumes === true }
    return each(context, words, async (word) => {
      try {
        await node.containers.remove(word, options, { signal: context.signal })
      } catch (error) {
        if (!(options.force && isCode(error, 'not_found'))) throw error
        // As with docker, that is said and counts as done.
        report(error, { failure: 0, debug: context.debug })
        return null
      }
      return word
    })
  },
})
