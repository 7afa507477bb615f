import type { Container } from '#engine'
import { command, type Command } from '../command.ts'
import { matchesLabel, parseFilters } from '../flags/filters.ts'
import { parseInteger } from '../flags/quantities.ts'
import { printList } from '../format/list.ts'
import { size } from '../format/units.ts'
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
const FILTERS = ['ancestor', 'before', 'exited', 'id', 'label', 'name', 'network', 'since', 'status', 'volume']

export const ps: Command = command({
  usage: '[OPTIONS]',
  summary: 'List containers',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Show all containers (default shows just running)' },
    filter: {
      type: 'string',
      short: 'f',
      multiple: true,
      value: 'filter',
      help: 'Filter output based on conditions provided',
    },
    format: {
      type: 'string',
      help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template",
      complete: ['table', 'json'],
    },
    json: { type: 'boolean', help: 'Same as --format json: one object a line' },
    last: { type: 'string', short: 'n', value: 'int', help: 'Show n last created containers (includes all states)' },
    latest: { type: 'boolean', short: 'l', help: 'Show the latest created container (includes all states)' },
    'no-trunc': { type: 'boolean', help: "Don't truncate output" },
    quiet: { type: 'boolean', short: 'q', help: 'Only display container IDs' },
    size: { type: 'boolean', short: 's', help: 'Display total file sizes' },
  },
  max: 0,
  run: async (context, values) => {
    const node = await context.node()
    const filters = parseFilters(values.filter ?? [], FILTERS)
    const last = values.latest ? 1 : values.last === undefined ? -1 : parseInteger(values.last, '--last')
    const every = values.all || last > 0 || filters.has('status') || filters.has('exited')
    const all = await node.containers.list()
    let shown = all.filter((container) => every || container.state === 'running' || container.state === 'paused')
    shown = shown.filter((container) => matches(container, filters, all))
    if (last > 0) shown = shown.slice(0, last)
    const full = values['no-trunc'] === true
    if (values.quiet && values.format === undefined && !values.json) {
      for (const { id } of shown) print(full ? id : shortId(id))
      return
    }
    const now = Date.now()
    const rows = await Promise.all(
      shown.map(async (container) =>
        containerRow(container, {
          full,
          now,
          ...(values.size ? { size: size(await node.containers.size(container.id)) } : {}),
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

function matches(
  container: Container,
  filters: ReadonlyMap<string, readonly string[]>,
  all: readonly Container[],
): boolean {
  const created = (ref: string): number =>
    all.find((other) => other.name === ref || other.id.startsWith(ref))?.created ?? Number.NaN
  const { config } = container
  for (const [name, wanted] of filters) {
    const holds = (value: string): boolean => {
      switch (name) {
        case 'status':
          return container.state === value
        case 'exited':
          return container.state === 'exited' && container.exitCode === Number(value)
        case 'name':
          return new RegExp(value).test(container.name)
        case 'id':
          return container.id.startsWith(value)
        case 'label':
          return matchesLabel(config.labels, value)
        case 'network':
          return config.network === value
        case 'volume':
          return config.mounts.some((mount) => mount.name === value || mount.target === value || mount.source === value)
        case 'ancestor':
          return (
            container.image === value ||
            config.imageId === value ||
            shortId(config.imageId) === value ||
            container.image.startsWith(`${value}:`)
          )
        case 'before':
          return container.created < created(value)
        case 'since':
          return container.created > created(value)
        default:
          return false
      }
    }
    // Docker: labels must all match, of other filters one value is enough.
    if (!(name === 'label' ? wanted.every(holds) : wanted.some(holds))) return false
  }
  return true
}
