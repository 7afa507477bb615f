import { callerIo } from '../attend.ts'
import { command, type Command } from '../command.ts'
import { environment } from '../flags/environment.ts'

export const exec: Command = command({
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  summary: 'Execute a command in a running container',
  options: {
    detach: { type: 'boolean', short: 'd', help: 'Detached mode: run command in the background' },
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    env: { type: 'string', short: 'e', multiple: true, help: 'Set environment variables' },
    'env-file': { type: 'string', multiple: true, help: 'Read in a file of environment variables', complete: 'file' },
    interactive: { type: 'boolean', short: 'i', help: 'Keep STDIN open even if not attached' },
    privileged: { type: 'boolean', help: 'Give extended privileges to the command' },
    tty: { type: 'boolean', short: 't', help: 'Allocate a pseudo-TTY' },
    user: { type: 'string', short: 'u', help: 'Username or UID (format: <name|uid>[:<group|gid>])' },
    workdir: { type: 'string', short: 'w', help: 'Working directory inside the container' },
  },
  min: 2,
  stopAfter: 1,
  completes: 'container',
  run: async (context, values, [ref, ...words]) => {
    const node = await context.node()
    const detach = values.detach === true
    const tty = values.tty === true
    const stdin = values.interactive === true && !detach
    const io = callerIo({
      stdin,
      tty: tty && !detach,
      ...(values['detach-keys'] === undefined ? {} : { detachKeys: values['detach-keys'] }),
    })
    if (!detach) context.takeSignals()
    const exit = await node.containers.exec(
      ref!,
      {
        command: words,
        env: environment(values.env ?? [], values['env-file'] ?? []),
        ...(values.user === undefined ? {} : { user: values.user }),
        ...(values.workdir === undefined ? {} : { workdir: values.workdir }),
        tty,
        stdin,
        detach,
        privileged: values.privileged === true,
      },
      io,
      detach ? { signal: context.signal } : {},
    )
    return exit.code
  },
})
