import type { Container } from '#engine'
import { command, type Command } from '../command.ts'
import { confirm } from '../confirm.ts'
import { pruneFilter } from '../flags/prunefilter.ts'
import { size } from '../format/units.ts'
import { print } from '../output.ts'

const filter = {
  type: 'string',
  multiple: true,
  value: 'filter',
  help: "Provide filter values (e.g. 'until=24h', 'label=a', 'label!=a')",
} as const
const force = { type: 'boolean', short: 'f', help: 'Do not prompt for confirmation' } as const

export const systemPrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove unused data',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Remove all unused images not just dangling ones' },
    filter,
    force,
    volumes: { type: 'boolean', help: 'Prune anonymous volumes' },
  },
  max: 0,
  run: async (context, values) => {
    const { chosen, until } = pruneFilter(values.filter ?? [])
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
      {
        all: values.all === true,
        volumes: values.volumes === true,
        chosen,
        ...(until === undefined ? {} : { unusedSince: until }),
      },
      { signal: context.signal },
    )
    section('Deleted Containers:', pruned.containers)
    section('Deleted Volumes:', pruned.volumes)
    section('Deleted Images:', pruned.images)
    section('Deleted build cache objects:', pruned.cache)
    reclaimed(pruned.bytes)
  },
})

export const containerPrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove all stopped containers',
  options: {
    filter,
    force,
  },
  max: 0,
  run: async (context, values) => {
    const { chosen } = pruneFilter(values.filter ?? [])
    const ofContainer = ({ created, config: { labels } }: Container): boolean => chosen({ created, labels })
    if (!values.force && !confirm('WARNING! This will remove all stopped containers.\n')) return
    const pruned = await (await context.node()).containers.prune(ofContainer, { signal: context.signal })
    section('Deleted Containers:', pruned.removed)
    reclaimed(pruned.bytes)
  },
})

export const imagePrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove unused images',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Remove all unused images, not just dangling ones' },
    filter,
    force,
  },
  max: 0,
  run: async (context, values) => {
    const { chosen } = pruneFilter(values.filter ?? [])
    const what = values.all ? 'all images without at least one container associated to them' : 'all dangling images'
    if (!values.force && !confirm(`WARNING! This will remove ${what}.\n`)) return
    const pruned = await (
      await context.node()
    ).images.prune({ all: values.all === true, chosen }, { signal: context.signal })
    section('Deleted Images:', pruned.removed)
    reclaimed(pruned.bytes)
  },
})

export const volumePrune: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove unused local volumes',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Remove all unused volumes, not just anonymous ones' },
    filter,
    force,
  },
  max: 0,
  run: async (context, values) => {
    const { chosen } = pruneFilter(values.filter ?? [], ['label', 'label!'])
    const what = values.all ? 'all local volumes' : 'anonymous local volumes'
    if (!values.force && !confirm(`WARNING! This will remove ${what} not used by at least one container.\n`)) return
    const pruned = await (await context.node()).volumes.prune({ all: values.all === true, chosen })
    section('Deleted Volumes:', pruned.removed)
    reclaimed(pruned.bytes)
  },
})

function reclaimed(bytes: number): void {
  print(`Total reclaimed space: ${size(bytes, 4)}`)
}

function section(heading: string, lines: readonly string[]): void {
  if (lines.length > 0) print(`${heading}\n${lines.join('\n')}\n`)
}
