import { fail } from '#base'
import type { Container } from '#engine'
import { shortId } from '../rows.ts'
import { invalidFilter, matchesLabel, parseFilters } from './filters.ts'

type Matcher = (container: Container) => boolean

export interface ContainerFilter {
  /** What is filtered by. */
  readonly names: ReadonlySet<string>
  readonly matches: Matcher
}

const STATES = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead']
const HEALTH = ['none', 'starting', 'healthy', 'unhealthy']

/** `ps --filter`, read once for all containers; `all` is where `before` and `since` look theirs up. */
export function containerFilter(given: readonly string[], all: readonly Container[]): ContainerFilter {
  const created = (ref: string): number => createdTime(ref, all)
  const filters = parseFilters(given, Object.keys(KINDS))
  // Docker: labels must all match, of other filters one value is enough.
  const tests = [...filters].map(([name, values]): Matcher => {
    const matchers = values.map((value) => KINDS[name]!(value, created))
    return name === 'label'
      ? (container) => matchers.every((matches) => matches(container))
      : (container) => matchers.some((matches) => matches(container))
  })
  return {
    names: new Set(filters.keys()),
    matches: (container) => tests.every((matches) => matches(container)),
  }
}

/** When the container was made that another is older or younger than: one of that name, or whose ID begins so. */
function createdTime(ref: string, all: readonly Container[]): number {
  const named = all.find(({ name }) => name === ref) ?? all.find(({ id }) => id.startsWith(ref))
  return (named ?? fail('not_found', `no such container: ${ref}`)).created
}

type Kind = (value: string, created: (ref: string) => number) => Matcher

const KINDS: Readonly<Record<string, Kind>> = {
  ancestor:
    (value) =>
    ({ image, config }) =>
      [image, config.imageId, shortId(config.imageId)].includes(value) || image.startsWith(`${value}:`),
  before: (value, created) => earlier(created(value)),
  exited: (value) => {
    if (!/^-?\d+$/.test(value)) invalidFilter('exited', value)
    return ({ state, exitCode }) => state === 'exited' && exitCode === Number(value)
  },
  expose: (value) => {
    const mapped = ({ ports }: Container['config']): readonly string[] =>
      ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`)
    return portMatcher('expose', value, ({ config }) => [...config.exposed, ...mapped(config)])
  },
  // Nothing here looks after the health of containers.
  health: (value) => {
    if (!HEALTH.includes(value)) invalidFilter('health', value, HEALTH)
    return () => value === 'none'
  },
  id:
    (value) =>
    ({ id }) =>
      id.startsWith(value),
  label:
    (value) =>
    ({ config }) =>
      matchesLabel(config.labels, value),
  name: (value) => {
    const pattern = patternOf(value)
    return ({ name }) => pattern.test(name)
  },
  network:
    (value) =>
    ({ config }) =>
      config.network === value,
  publish: (value) =>
    portMatcher('publish', value, ({ attached }) =>
      (attached?.ports ?? []).map((port) => `${port.hostPort}/${port.protocol}`),
    ),
  since: (value, created) => later(created(value)),
  status: (value) => {
    if (!STATES.includes(value)) invalidFilter('status', value, STATES)
    return ({ state }) => state === value
  },
  volume:
    (value) =>
    ({ config }) =>
      config.mounts.some((mount) => [mount.name, mount.target, mount.source].includes(value)),
}

const earlier =
  (time: number): Matcher =>
  ({ created }) =>
    created < time
const later =
  (time: number): Matcher =>
  ({ created }) =>
    created > time

function patternOf(value: string): RegExp {
  try {
    return new RegExp(value)
  } catch {
    return invalidFilter('name', value)
  }
}

/** `80`, `80/udp`, `8000-8010/tcp`; TCP unless it says otherwise. */
function portMatcher(name: string, value: string, ports: (container: Container) => readonly string[]): Matcher {
  const [, first = '', last = first, protocol = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(value) ?? []
  if (first === '') invalidFilter(name, value)
  return (container) =>
    ports(container).some((port) => {
      const [number, kind = 'tcp'] = port.split('/')
      return kind === protocol && Number(number) >= Number(first) && Number(number) <= Number(last)
    })
}
