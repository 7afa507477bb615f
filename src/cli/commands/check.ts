import { command, type Command } from '../command.ts'
import { print } from '../output.ts'

export const check: Command = command({
  usage: '',
  summary: 'Check everything stored against its digest',
  options: {},
  max: 0,
  run: async (context) => {
    const wrong = await (await context.node()).system.check({ signal: context.signal })
    for (const line of wrong) print(line)
    if (wrong.length === 0) print('Everything stored is what it should be.')
    return wrong.length === 0 ? 0 : 1
  },
})
