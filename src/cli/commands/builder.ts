import { fail } from '#base'
import type { CacheEntry, CachePruning } from '#engine'
import { command, type Command } from '../command.ts'
import { confirm } from '../confirm.ts'
import { cacheFilter, cacheTimes } from '../flags/cachefilter.ts'
import { parseBytes, parseInteger } from '../flags/quantities.ts'
import { listing, printList, type Row } from '../format/list.ts'
import { ago, size, timestamp } from '../format/units.ts'
import { print } from '../output.ts'

const COLUMNS = [
  { heading: 'ID', field: 'ID' },
  { heading: 'RECLAIMABLE', field: 'Reclaimable' },
  { heading: 'SIZE', field: 'Size' },
  { heading: 'LAST ACCESSED', field: 'LastUsed' },
]
const DETAILS = [
  ...COLUMNS.slice(0, 1),
  { heading: 'TYPE', field: 'Type' },
  ...COLUMNS.slice(1),
  { heading: 'CREATED', field: 'Created' },
  { heading: 'DESCRIPTION', field: 'Description' },
]

const filter = {
  type: 'string',
  multiple: true,
  value: 'filter',
  help: "Provide filter values (e.g. 'until=24h', 'type=exec.cachemount', 'description=npm')",
} as const

export const builderDu: Command = command({
  usage: '[OPTIONS]',
  summary: 'Show what the build cache takes',
  options: {
    filter,
    ...listing,
    verbose: { type: 'boolean', short: 'v', help: 'Show what made each entry' },
  },
  refused: { builder: '', timestamp: 'LastUsedAt and CreatedAt of --format json' },
  max: 0,
  run: async (context, values) => {
    const usage = await (await context.node()).system.cacheUsage()
    const { unusedSince } = cacheTimes(values.filter ?? [])
    const matches = cacheFilter(values.filter ?? [])
    const entries = usage.entries.filter((entry) => matches(entry) && entry.used < (unusedSince ?? Infinity))
    printList(entries.map(entryRow), values.verbose ? DETAILS : COLUMNS, { format: values.format, json: values.json })
    if (values.json || values.format !== undefined) return
    print(`Reclaimable:\t${size(usage.reclaimable, 4)}\nTotal:\t\t${size(usage.total, 4)}`)
  },
})

export const builderPrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove build cache',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Remove all build cache, not just what no image uses' },
    filter,
    force: { type: 'boolean', short: 'f', help: 'Do not prompt for confirmation' },
    'keep-last': { type: 'string', value: 'int', help: 'Keep this many entries, the most recently used' },
    'keep-storage': { type: 'string', value: 'bytes', help: 'Same as --reserved-space' },
    'max-used-space': {
      type: 'string',
      value: 'bytes',
      help: 'Maximum amount of disk space allowed to keep for cache',
    },
    'min-free-space': { type: 'string', value: 'bytes', help: 'Target amount of free disk space after pruning' },
    'reserved-space': { type: 'string', value: 'bytes', help: 'Amount of disk space always allowed to keep for cache' },
    verbose: { type: 'boolean', help: 'Show what made each entry' },
  },
  refused: { builder: '' },
  max: 0,
  run: async (context, values) => {
    const reserved = values['reserved-space'] ?? values['keep-storage']
    const bytes = (text: string | undefined, flag: string): number | undefined =>
      text === undefined ? undefined : parseBytes(text, flag)
    const pruning = present({
      all: values.all === true,
      filter: cacheFilter(values.filter ?? []),
      ...cacheTimes(values.filter ?? []),
      keepLast: values['keep-last'] === undefined ? undefined : parseInteger(values['keep-last'], '--keep-last', 0),
      maxUsed: bytes(values['max-used-space'], '--max-used-space'),
      minFree: bytes(values['min-free-space'], '--min-free-space'),
      reserved: bytes(reserved, values['reserved-space'] === undefined ? '--keep-storage' : '--reserved-space'),
    })
    if (!values.force && !confirm(`WARNING! This will remove ${values.all ? 'all' : 'all dangling'} build cache.\n`))
      return
    const pruned = await (await context.node()).system.pruneCache(pruning, { signal: context.signal })
    if (pruned.entries.length > 0) printList(pruned.entries.map(entryRow), values.verbose ? DETAILS : COLUMNS)
    print(`Total:\t${size(pruned.bytes, 4)}`)
  },
})

/** An entry under buildx's field names. */
function entryRow(entry: CacheEntry): Row {
  return {
    ID: entry.id,
    Type: entry.type,
    Description: entry.description,
    Size: size(entry.size, 4),
    Reclaimable: String(!entry.inUse),
    InUse: String(entry.inUse),
    Shared: String(entry.shared),
    Parents: entry.parents.join(','),
    Created: ago(entry.created),
    CreatedAt: timestamp(entry.created),
    LastUsed: ago(entry.used),
    LastUsedAt: timestamp(entry.used),
  }
}

function present(pruning: { [K in keyof CachePruning]: CachePruning[K] | undefined }): CachePruning {
  if (pruning.reserved !== undefined && pruning.maxUsed !== undefined && pruning.maxUsed < pruning.reserved)
    fail('invalid_argument', '--max-used-space is below --reserved-space')
  return Object.fromEntries(Object.entries(pruning).filter(([, value]) => value !== undefined))
}
