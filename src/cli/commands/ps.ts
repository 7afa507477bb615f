import { command, type Command } from '../command.ts'
import { containerFilter } from '../flags/containerfilter.ts'
import { filterFlag } from '../flags/filters.ts'
import { parseInteger } from '../flags/quantities.ts'
import { listing, printList } from '../format/list.ts'
import { print } from '../output.ts'
import { containerRow, shortId } from '../rows.ts'

const COLUMNS = [
  { heading: 'CONTAINER ID', field: 'ID' },
  { heading: 'IMAGE', field: 'Image' },
  { heading: 'COMMAND', field: 'Command' },
  { heading: 'CREATED', field: 'RunningFor' },
  { heading: 'STATUS', field: 'Status' },
  { heading: 'PORTS', field: 'Ports' },
  { heading: 'NAMES', field: 'Names' },
]
/** A template that prints sizes, which are found by looking at every file. */
const SHOWS_SIZE = /\.Size\b|\bjson \.\W/

export const ps: Command = command({
  usage: '[OPTIONS]',
  summary: 'List containers',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Show all containers (default shows just running)' },
    filter: filterFlag,
    ...listing,
    last: { type: 'string', short: 'n', value: 'int', help: 'Show n last created containers (includes all states)' },
    latest: { type: 'boolean', short: 'l', help: 'Show the latest created container (includes all states)' },
    'no-trunc': { type: 'boolean', help: "Don't truncate output" },
    quiet: { type: 'boolean', short: 'q', help: 'Only display container IDs' },
    size: { type: 'boolean', short: 's', help: 'Display total file sizes' },
  },
  max: 0,
  run: async (context, values) => {
    const node = await context.node()
    const all = await node.containers.list()
    const filter = containerFilter(values.filter ?? [], all)
    const last = values.latest ? 1 : values.last === undefined ? -1 : parseInteger(values.last, '--last')
    const every = values.all || last > 0 || filter.names.has('status') || filter.names.has('exited')
    let shown = all.filter((container) => every || container.state === 'running' || container.state === 'paused')
    shown = shown.filter(filter.matches)
    if (last > 0) shown = shown.slice(0, last)
    const full = values['no-trunc'] === true
    if (values.quiet && values.format === undefined && !values.json) {
      for (const { id } of shown) print(full ? id : shortId(id))
      return
    }
    const now = Date.now()
    const sized = values.size === true || SHOWS_SIZE.test(values.format ?? '')
    const rows = await Promise.all(
      shown.map(async (container) =>
        containerRow(container, {
          full,
          now,
          ...(sized ? { size: await node.containers.size(container.id) } : {}),
        }),
      ),
    )
    const columns = values.size ? [...COLUMNS, { heading: 'SIZE', field: 'Size' }] : COLUMNS
    printList(rows, columns, { format: values.format, json: values.json, headings: MORE_HEADINGS })
  },
})

const MORE_HEADINGS = [
  { heading: 'CREATED AT', field: 'CreatedAt' },
  { heading: 'LOCAL VOLUMES', field: 'LocalVolumes' },
]
