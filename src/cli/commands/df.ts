import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { listing, printList } from '../format/list.ts'
import { size } from '../format/units.ts'

const COLUMNS = [
  { heading: 'TYPE', field: 'Type' },
  { heading: 'TOTAL', field: 'TotalCount' },
  { heading: 'ACTIVE', field: 'Active' },
  { heading: 'SIZE', field: 'Size' },
  { heading: 'RECLAIMABLE', field: 'Reclaimable' },
]

export const df: Command = command({
  usage: '[OPTIONS]',
  summary: 'Show disk usage',
  options: {
    ...listing,
    verbose: { type: 'boolean', short: 'v', help: 'Show what each image, container and volume takes' },
  },
  max: 0,
  run: async (context, values) => {
    const node = await context.node()
    if (values.verbose) {
      if (values.format !== undefined || values.json)
        fail('invalid_argument', '--verbose is a table: it goes with neither --format nor --json')
      const [details, cache] = await Promise.all([node.system.details(), node.system.cacheUsage()])
      return (await import('../usage.ts')).printUsage(details, cache)
    }
    const usage = await node.system.usage()
    const rows = usage.map((row) => ({
      Type: row.type,
      TotalCount: String(row.total),
      Active: String(row.active),
      Size: size(row.size, 4),
      Reclaimable:
        row.size > 0 && row.type !== 'Build Cache'
          ? `${size(row.reclaimable, 4)} (${Math.floor((row.reclaimable / row.size) * 100)}%)`
          : size(row.reclaimable, 4),
    }))
    printList(rows, COLUMNS, { format: values.format, json: values.json })
  },
})
