import type { EngineEvent } from '#engine'
import { command, type Command } from '../command.ts'
import { matchesLabel, parseFilters } from '../flags/filters.ts'
import { parseTime } from '../flags/quantities.ts'
import { printEach } from '../format/list.ts'
import { print } from '../output.ts'

export const events: Command = command({
  usage: '[OPTIONS]',
  summary: 'Get real time events of containers, images and volumes',
  options: {
    filter: {
      type: 'string',
      short: 'f',
      multiple: true,
      value: 'filter',
      help: 'Filter output based on conditions provided',
    },
    format: { type: 'string', help: "Format output: 'json' or a Go template", complete: ['json'] },
    json: { type: 'boolean', help: 'Same as --format json: one object a line' },
    since: { type: 'string', help: 'Show all events created since timestamp' },
    until: { type: 'string', help: 'Stream events until this timestamp' },
  },
  max: 0,
  run: async (context, values) => {
    const matches = eventFilter(values.filter ?? [])
    const node = await context.node()
    // Following leaves nothing to tidy up: Ctrl-C ends it as it ends `tail -f`.
    context.takeSignals()
    const options = {
      ...(values.since === undefined ? {} : { since: parseTime(values.since, '--since') }),
      ...(values.until === undefined ? {} : { until: parseTime(values.until, '--until') }),
    }
    for await (const event of node.system.events(options, { signal: context.signal })) {
      if (!matches(event)) continue
      if (values.json || values.format === 'json') print(json(event))
      else if (values.format === undefined) print(line(event))
      else printEach([{ ...document(event), time: seconds(event), timeNano: nanoseconds(event) }], values.format)
    }
  },
})

const FILTERS = ['container', 'event', 'image', 'label', 'type', 'volume'] as const

/** Any value of one filter, every filter: docker's rule. */
function eventFilter(given: readonly string[]): (event: EngineEvent) => boolean {
  const filters = parseFilters(given, FILTERS)
  const has = (name: (typeof FILTERS)[number], test: (value: string) => boolean): boolean =>
    filters.get(name)?.some(test) ?? true
  return (event) => {
    const { type, action, id, attributes } = event
    const name = attributes['name'] ?? ''
    return (
      has('type', (value) => value === type) &&
      has('event', (value) => value === action) &&
      has('container', (value) => type === 'container' && (id.startsWith(value) || name === value)) &&
      has('volume', (value) => type === 'volume' && id === value) &&
      has('image', (value) => sameImage(type === 'container' ? (attributes['image'] ?? '') : id, value)) &&
      has('label', (value) => matchesLabel(attributes, value))
    )
  }
}

/** `debian` is `debian:12` as well. */
function sameImage(image: string, wanted: string): boolean {
  return image === wanted || image.startsWith(`${wanted}:`) || image.startsWith(`${wanted}@`)
}

/** `2026-01-02T15:04:05.000000000Z container start ID (image=debian, name=web)` */
function line(event: EngineEvent): string {
  const { type, action, id, attributes } = event
  const facts = Object.entries(attributes)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(', ')
  const fraction = nanoseconds(event).toString().slice(-9)
  const time = `${new Date(event.time).toISOString().slice(0, 19)}.${fraction}Z`
  return `${time} ${type} ${action} ${id}${facts ? ` (${facts})` : ''}`
}

function document({ type, action, id, attributes }: EngineEvent): Record<string, unknown> {
  const image = type === 'container' ? { status: action, id, from: attributes['image'] ?? '' } : {}
  return { ...image, Type: type, Action: action, Actor: { ID: id, Attributes: attributes }, scope: 'local' }
}

/** Nanoseconds are more than a double holds: they are written as they are. */
function json(event: EngineEvent): string {
  const text = JSON.stringify({ ...document(event), time: seconds(event) })
  return `${text.slice(0, -1)},"timeNano":${nanoseconds(event)}}`
}

function seconds({ time }: EngineEvent): number {
  return Math.floor(time / 1000)
}

function nanoseconds({ time }: EngineEvent): bigint {
  return BigInt(Math.floor(time)) * 1_000_000n + BigInt(Math.floor((time % 1) * 1e6))
}
