import { fail } from '#base'
import type { Container } from '#engine'
import { callerIo, proxySignals } from '../attend.ts'
import { command, type Command } from '../command.ts'
import { each } from '../each.ts'

export const start: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Start one or more stopped containers',
  options: {
    attach: { type: 'boolean', short: 'a', help: 'Attach STDOUT/STDERR and forward signals' },
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    interactive: { type: 'boolean', short: 'i', help: "Attach container's STDIN" },
  },
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const node = await context.node()
    if (!values.attach && !values.interactive)
      return each(context, words, async (word) => {
        await node.containers.start(word, {}, { signal: context.signal })
      })
    if (words.length > 1) fail('invalid_argument', 'you cannot start and attach multiple containers at once')
    const { config } = await node.containers.get(words[0]!)
    const tty = config.options.tty === true
    const io = callerIo({
      stdin: values.interactive === true && config.options.stdin === true,
      tty,
      ...(values['detach-keys'] === undefined ? {} : { detachKeys: values['detach-keys'] }),
    })
    let running: Container | undefined
    const quit = proxySignals(context, node, () => running)
    try {
      const ended = await node.containers.start(words[0]!, { io, onStart: (started) => (running = started) })
      return ended?.detached ? 0 : (ended?.code ?? 0)
    } finally {
      quit()
    }
  },
})
