import { command, type Command } from '../command.ts'
import { paint, print } from '../output.ts'
import { colours } from '../terminal.ts'

export const doctor: Command = command({
  usage: '[OPTIONS]',
  summary: 'Check everything Cairn needs of this machine, with the cure for what is missing',
  options: { json: { type: 'boolean', help: 'One object a line' } },
  max: 0,
  run: async (context, values) => {
    await (await import('#engine')).enterUserNamespace({ ifPossible: true })
    const requirements = await (await context.node()).system.requirements()
    const missing = requirements.filter((requirement) => requirement.state === 'missing')
    if (values.json) for (const requirement of requirements) print(JSON.stringify(requirement))
    else {
      const colour = colours(1)
      const marks = {
        ok: paint(colour, '32', 'ok      '),
        degraded: paint(colour, '33', 'degraded'),
        missing: paint(colour, '31', 'MISSING '),
      }
      const width = Math.max(...requirements.map(({ name }) => name.length))
      for (const { name, state, found, cost, cure } of requirements) {
        print(`${marks[state]}  ${name.padEnd(width)}  ${found}`)
        if (state !== 'ok' && cost) print(`${' '.repeat(width + 12)}without it: ${cost}`)
        if (state !== 'ok' && cure) print(`${' '.repeat(width + 12)}cure: ${cure}`)
      }
      print(missing.length === 0 ? '\nThis machine can build and run containers.' : `\n${missing.length} missing.`)
    }
    return missing.length === 0 ? 0 : 1
  },
})
