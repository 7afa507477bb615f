import { callerIo, proxySignals } from '../attend.ts'
import { command, type Command } from '../command.ts'

export const attach: Command = command({
  usage: '[OPTIONS] CONTAINER',
  summary: 'Attach local standard input, output, and error streams to a running container',
  options: {
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    'no-stdin': { type: 'boolean', help: 'Do not attach STDIN' },
    'sig-proxy': { type: 'boolean', help: 'Proxy all received signals to the process (default true)' },
  },
  min: 1,
  max: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const node = await context.node()
    const container = await node.containers.get(words[0]!)
    const { tty, stdin } = container.config.options
    const io = callerIo({
      stdin: stdin === true && values['no-stdin'] !== true,
      tty: tty === true,
      ...(values['detach-keys'] === undefined ? {} : { detachKeys: values['detach-keys'] }),
    })
    const quit = values['sig-proxy'] === false ? () => undefined : proxySignals(context, node, () => container)
    try {
      const ended = await node.containers.attach(container.id, io)
      return ended.detached ? 0 : ended.code
    } finally {
      quit()
    }
  },
})
