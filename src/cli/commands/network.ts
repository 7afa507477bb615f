import { command, type Command } from '../command.ts'
import { listing, printList } from '../format/list.ts'
import { print } from '../output.ts'
import { shortId } from '../rows.ts'

export const networkLs: Command = command({
  usage: '[OPTIONS]',
  summary: 'List networks',
  options: {
    ...listing,
    'no-trunc': { type: 'boolean', help: 'Do not truncate the output' },
    quiet: { type: 'boolean', short: 'q', help: 'Only display network IDs' },
  },
  max: 0,
  run: async (context, values) => {
    const networks = await (await context.node()).networks.list()
    const rows = networks.map(({ id, name, driver }) => ({
      ID: values['no-trunc'] ? id : shortId(id),
      Name: name,
      Driver: driver,
      Scope: 'local',
    }))
    if (values.quiet) for (const { ID } of rows) print(ID)
    else
      printList(
        rows,
        [
          { heading: 'NETWORK ID', field: 'ID' },
          { heading: 'NAME', field: 'Name' },
          { heading: 'DRIVER', field: 'Driver' },
          { heading: 'SCOPE', field: 'Scope' },
        ],
        { format: values.format, json: values.json },
      )
  },
})
