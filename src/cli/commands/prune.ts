import type { Container } from '#engine'
import { command, type Command } from '../command.ts'
import { confirm } from '../confirm.ts'
import { matchesLabel, parseFilters } from '../flags/filters.ts'
import { parseTime } from '../flags/quantities.ts'
import { size } from '../format/units.ts'
import { print } from '../output.ts'

const force = { type: 'boolean', short: 'f', help: 'Do not prompt for confirmation' } as const

export const systemPrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove unused data',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Remove all unused images not just dangling ones' },
    force,
    volumes: { type: 'boolean', help: 'Prune anonymous volumes' },
  },
  refused: { filter: '' },
  max: 0,
  run: async (context, values) => {
    const what = [
      'all stopped containers',
      ...(values.volumes ? ['all anonymous volumes not used by at least one container'] : []),
      values.all ? 'all images without at least one container associated to them' : 'all dangling images',
      values.all ? 'all build cache' : 'unused build cache',
    ]
    if (!values.force && !confirm(`WARNING! This will remove:\n${what.map((line) => `  - ${line}`).join('\n')}\n`))
      return
    const node = await context.node()
    const pruned = await node.system.prune(
      { all: values.all === true, volumes: values.volumes === true },
      { signal: context.signal },
    )
    section('Deleted Containers:', pruned.containers)
    section('Deleted Volumes:', pruned.volumes)
    section('Deleted Images:', pruned.images)
    section('Deleted build cache objects:', pruned.cache)
    print(`Total reclaimed space: ${size(pruned.bytes, 4)}`)
  },
})

export const containerPrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove all stopped containers',
  options: {
    filter: {
      type: 'string',
      multiple: true,
      value: 'filter',
      help: "Provide filter values (e.g. 'until=24h', 'label=a')",
    },
    force,
  },
  max: 0,
  run: async (context, values) => {
    const filters = parseFilters(values.filter ?? [], ['until', 'label', 'label!'])
    const until = filters.get('until')?.map((text) => parseTime(text, 'until'))
    const chosen = ({ created, config }: Container): boolean =>
      (until === undefined || until.every((time) => created < time)) &&
      (filters.get('label') ?? []).every((wanted) => matchesLabel(config.labels, wanted)) &&
      !(filters.get('label!') ?? []).some((unwanted) => matchesLabel(config.labels, unwanted))
    if (!values.force && !confirm('WARNING! This will remove all stopped containers.\n')) return
    const pruned = await (await context.node()).containers.prune(chosen, { signal: context.signal })
    section('Deleted Containers:', pruned.removed)
    print(`Total reclaimed space: ${size(pruned.bytes, 4)}`)
  },
})

export const imagePrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove unused images',
  options: { all: { type: 'boolean', short: 'a', help: 'Remove all unused images, not just dangling ones' }, force },
  refused: { filter: '' },
  max: 0,
  run: async (context, values) => {
    const what = values.all ? 'all images without at least one container associated to them' : 'all dangling images'
    if (!values.force && !confirm(`WARNING! This will remove ${what}.\n`)) return
    const pruned = await (await context.node()).images.prune({ all: values.all === true }, { signal: context.signal })
    section('Deleted Images:', pruned.removed)
    print(`Total reclaimed space: ${size(pruned.bytes, 4)}`)
  },
})

export const volumePrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove unused local volumes',
  options: { all: { type: 'boolean', short: 'a', help: 'Remove all unused volumes, not just anonymous ones' }, force },
  refused: { filter: '' },
  max: 0,
  run: async (context, values) => {
    const what = values.all ? 'all local volumes' : 'anonymous local volumes'
    if (!values.force && !confirm(`WARNING! This will remove ${what} not used by at least one container.\n`)) return
    const pruned = await (await context.node()).volumes.prune({ all: values.all === true })
    section('Deleted Volumes:', pruned.removed)
    print(`Total reclaimed space: ${size(pruned.bytes, 4)}`)
  },
})

function section(heading: string, lines: readonly string[]): void {
  if (lines.length > 0) print(`${heading}\n${lines.join('\n')}\n`)
}
