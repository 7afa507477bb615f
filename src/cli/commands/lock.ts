import type { LockChange } from '#engine'
import { command, type Command } from '../command.ts'
import { lockFile } from '../flags/build/lock.ts'
import { paint, print } from '../output.ts'
import { colours } from '../terminal.ts'

export const lockUpdate: Command = command({
  usage: '[OPTIONS] [PATH]',
  summary: 'Ask again what the names in a lock file mean, and show what changed',
  options: {
    check: { type: 'boolean', help: 'Change nothing; exit with 1 if something would change' },
    json: { type: 'boolean', help: 'One change a line, as an object' },
    'lock-file': { type: 'string', help: 'Lock file (default: PATH/cairn.lock)', complete: 'file' },
  },
  max: 1,
  completes: 'directory',
  run: async (context, values, [path = '.']) => {
    const check = values.check === true
    const node = await context.node()
    const changes = await node.images.updateLock(
      lockFile(path, values['lock-file']),
      { check },
      { signal: context.signal },
    )
    for (const change of changes) {
      if (values.json) print(JSON.stringify(change))
      else for (const line of lines(change, colours(1))) print(line)
    }
    if (!values.json && changes.length === 0) print('nothing changed')
    return check && changes.length > 0 ? 1 : 0
  },
})

function lines({ name, platform, before, after }: LockChange, colour: boolean): string[] {
  return [
    platform === undefined ? name : `${name} (${platform})`,
    paint(colour, '31', `  - ${before}`),
    after === undefined ? paint(colour, '33', '  ! not found; kept') : paint(colour, '32', `  + ${after}`),
  ]
}
