import { command, type Command } from '../command.ts'
import { each } from '../each.ts'
import { parseInteger } from '../flags/quantities.ts'

export const stop: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Stop one or more running containers',
  options: {
    signal: { type: 'string', short: 's', help: 'Signal to send to the container' },
    time: {
      type: 'string',
      short: 't',
      value: 'int',
      help: 'Seconds to wait before killing the container (-1: for ever)',
    },
    timeout: { type: 'string', value: 'int', help: 'Same as --time' },
  },
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const time = values.timeout ?? values.time
    const options = {
      ...(time === undefined ? {} : { timeout: parseInteger(time, '--time', -1) }),
      ...(values.signal === undefined ? {} : { signal: values.signal }),
    }
    const node = await context.node()
    // All at once: ten containers that take their time take it together.
    const stopping = new Map(
      words.map((word) => [word, node.containers.stop(word, options, { signal: context.signal })]),
    )
    for (const work of stopping.values()) work.catch(() => undefined)
    return each(context, words, (word) => stopping.get(word)!)
  },
})
