import { command, type Command } from '../command.ts'
import { listing, printList } from '../format/list.ts'
import { ago, size } from '../format/units.ts'
import { print } from '../output.ts'
import { shortId } from '../rows.ts'

const COLUMNS = [
  { heading: 'IMAGE', field: 'ID' },
  { heading: 'CREATED', field: 'CreatedSince' },
  { heading: 'CREATED BY', field: 'CreatedBy' },
  { heading: 'SIZE', field: 'Size' },
  { heading: 'COMMENT', field: 'Comment' },
]

export const history: Command = command({
  usage: '[OPTIONS] IMAGE',
  summary: 'Show the history of an image',
  options: {
    ...listing,
    human: { type: 'boolean', short: 'H', help: 'Print sizes and dates in human readable format (default true)' },
    'no-trunc': { type: 'boolean', help: "Don't truncate output" },
    quiet: { type: 'boolean', short: 'q', help: 'Only show image IDs' },
  },
  min: 1,
  max: 1,
  completes: 'image',
  run: async (context, values, words) => {
    const rows = await (await context.node()).images.history(words[0]!)
    const full = values['no-trunc'] === true
    const human = values.human !== false
    const shown = rows.map((row) => {
      const by = row.createdBy.replaceAll('\t', ' ')
      return {
        ID: row.id === undefined ? '<missing>' : full ? row.id : shortId(row.id),
        CreatedAt: row.created === undefined ? '' : new Date(row.created).toISOString().replace('.000', ''),
        CreatedSince: human ? ago(row.created) : row.created === undefined ? '' : new Date(row.created).toISOString(),
        CreatedBy: full || by.length <= 45 ? by : `${by.slice(0, 44)}…`,
        Size: human ? size(row.size) : String(row.size),
        Comment: row.comment,
      }
    })
    if (values.quiet) for (const row of shown) print(row.ID)
    else printList(shown, COLUMNS, { format: values.format, json: values.json })
  },
})
