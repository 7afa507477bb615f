import { fail } from '#base'
import type { Container } from '#engine'
import { attachedStreams, callerIo, proxySignals } from '../attend.ts'
import { command, type Command } from '../command.ts'
import { containerFlags, containerOptions, refusedContainerFlags } from '../flags/container.ts'
import { print } from '../output.ts'
import { creating } from '../creating.ts'

export const run: Command = command({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create and run a new container from an image',
  options: {
    ...containerFlags,
    attach: { type: 'string', short: 'a', multiple: true, help: 'Attach to STDIN, STDOUT or STDERR' },
    detach: { type: 'boolean', short: 'd', help: 'Run container in background and print container ID' },
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    'sig-proxy': { type: 'boolean', help: 'Proxy received signals to the process (default true)' },
  },
  refused: refusedContainerFlags,
  min: 1,
  stopAfter: 1,
  completes: 'image',
  failure: 125,
  run: async (context, values, words) => {
    const detach = values.detach === true
    if (detach && values.attach) fail('invalid_argument', 'conflicting options: --attach and --detach')
    const attached = attachedStreams(values.attach)
    const options = { ...containerOptions(values, words), detach }
    const node = await context.node()
    if (detach) {
      const container = await creating(node, options, values, context.signal)
      await node.containers.start(container.id, {}, { signal: context.signal })
      print(container.id)
      return 0
    }
    const tty = options.tty === true
    const io = callerIo({
      ...attached,
      stdin: options.stdin === true && attached.stdin,
      tty,
      ...(values['detach-keys'] === undefined ? {} : { detachKeys: values['detach-keys'] }),
    })
    let running: Container | undefined
    const container = await creating(node, options, values, context.signal)
    const quit = proxySignals(context, node, () => running, values['sig-proxy'] !== false)
    try {
      const ended = await node.containers.start(container.id, { io, onStart: (started) => (running = started) })
      return ended?.detached ? 0 : (ended?.code ?? 0)
    } finally {
      quit()
    }
  },
})
