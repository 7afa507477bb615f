import { fail } from '#base'
import { attachFlags, attachFiles } from './artifact.ts'
import { callerIo, proxySignals } from '../attend.ts'
import { command, type Command } from '../command.ts'

export const attach: Command = command({
  usage: '[OPTIONS] CONTAINER | --artifact-type TYPE NAME [FILE[:MEDIA_TYPE]...]',
  summary: 'Attach to a running container; with --artifact-type, attach files to an image',
  options: {
    ...attachFlags,
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    'no-stdin': { type: 'boolean', help: 'Do not attach STDIN' },
    'sig-proxy': { type: 'boolean', help: 'Proxy all received signals to the process (default true)' },
  },
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    if (values['artifact-type'] !== undefined) return attachFiles(context, values, words)
    if (words.length > 1)
      fail('invalid_argument', 'one container is attached to', { hint: 'files need --artifact-type' })
    for (const flag of ['annotation', 'annotation-file', 'insecure', 'platform'] as const)
      if (values[flag] !== undefined) fail('invalid_argument', `--${flag} goes with --artifact-type`)
    const node = await context.node()
    const container = await node.containers.get(words[0]!)
    const { tty, stdin } = container.config.options
    const io = callerIo({
      stdin: stdin === true && values['no-stdin'] !== true,
      tty: tty === true,
      ...(values['detach-keys'] === undefined ? {} : { detachKeys: values['detach-keys'] }),
    })
    const quit = proxySignals(context, node, () => container, values['sig-proxy'] !== false)
    try {
      const ended = await node.containers.attach(container.id, io)
      return ended.detached ? 0 : ended.code
    } finally {
      quit()
    }
  },
})
