import { command, type Command } from '../command.ts'
import { each } from '../each.ts'
import { parseInteger } from '../flags/quantities.ts'

export const restart: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Restart one or more containers',
  options: {
    signal: { type: 'string', short: 's', help: 'Signal to send to the container' },
    time: { type: 'string', short: 't', value: 'int', help: 'Seconds to wait before killing the container' },
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
    return each(context, words, async (word) => {
      await node.containers.stop(word, options, { signal: context.signal })
      await node.containers.start(word, {}, { signal: context.signal })
    })
  },
})
