import { command, type Command } from '../command.ts'
import { each } from '../each.ts'
import { pairs } from '../flags/environment.ts'
import { booleanFilter, matchesLabel, parseFilters } from '../flags/filters.ts'
import { listing, printList } from '../format/list.ts'
import { print } from '../output.ts'
import { show } from './inspect.ts'
import { labelFields } from '../rows.ts'

export const volumeCreate: Command = command({
  usage: '[OPTIONS] [VOLUME]',
  summary: 'Create a volume',
  options: {
    label: { type: 'string', multiple: true, help: 'Set metadata for a volume' },
    name: { type: 'string', help: 'Same as the argument' },
  },
  refused: { driver: 'there is one driver: local', opt: '' },
  max: 1,
  run: async (context, values, [name]) => {
    const node = await context.node()
    print((await node.volumes.create(name ?? values.name, pairs(values.label ?? []))).name)
  },
})

export const volumeLs: Command = command({
  usage: '[OPTIONS]',
  summary: 'List volumes',
  options: {
    filter: {
      type: 'string',
      short: 'f',
      multiple: true,
      value: 'filter',
      help: "Provide filter values (e.g. 'dangling=true')",
    },
    ...listing,
    quiet: { type: 'boolean', short: 'q', help: 'Only display volume names' },
  },
  max: 0,
  run: async (context, values) => {
    const filters = parseFilters(values.filter ?? [], ['dangling', 'label', 'name'])
    const volumes = (await (await context.node()).volumes.list()).filter(
      (volume) =>
        (filters.get('dangling') ?? []).every((value) => booleanFilter('dangling', value) === (volume.users === 0)) &&
        (filters.get('name') ?? ['']).some((name) => volume.name.includes(name)) &&
        (filters.get('label') ?? []).every((wanted) => matchesLabel(volume.labels, wanted)),
    )
    if (values.quiet && values.format === undefined) for (const { name } of volumes) print(name)
    else
      printList(
        volumes.map((volume) => ({
          Driver: 'local',
          Name: volume.name,
          Mountpoint: volume.path,
          Scope: 'local',
          ...labelFields(volume.labels),
          Links: String(volume.users),
        })),
        [
          { heading: 'DRIVER', field: 'Driver' },
          { heading: 'VOLUME NAME', field: 'Name' },
        ],
        { format: values.format, json: values.json },
      )
  },
})

export const volumeInspect: Command = command({
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  summary: 'Display detailed information on one or more volumes',
  options: {
    format: { type: 'string', short: 'f', help: "Format output: 'json' or a Go template", complete: ['json'] },
  },
  min: 1,
  completes: 'volume',
  run: async (context, values, words) => show(context, words, ['volume'], values),
})

export const volumeRm: Command = command({
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  summary: 'Remove one or more volumes',
  options: { force: { type: 'boolean', short: 'f', help: 'Do not complain about volumes that are not there' } },
  min: 1,
  completes: 'volume',
  run: async (context, values, words) => {
    const { volumes } = await context.node()
    return each(context, words, (word) => volumes.remove(word, { force: values.force === true }))
  },
})
