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
  const created = (ref: string): number =>
    (
      all.find((other) => other.name === ref) ??
      all.find((other) => other.id.startsWith(ref)) ??
      fail('not_found', `no such container: ${ref}`)
    ).created
  const kinds: Readonly<Record<string, (value: string) => Matcher>> = {
    ancestor: (value) => (container) =>
      container.image === value ||
      container.config.imageId === value ||
      shortId(container.config.imageId) === value ||
      container.image.startsWith(`${value}:`),
    before: (value) => earlier(created(value)),
    exited: (value) => {
      if (!/^-?\d+$/.test(value)) invalidFilter('exited', value)
      return ({ state, exitCode }) => state === 'exited' && exitCode === Number(value)
    },
    expose: (value) =>
      portMatcher('expose', value, ({ config }) => [
        ...config.exposed,
        ...config.ports.map((port) => `${port.containerPort}/${port.protocol}`),
      ]),
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
    since: (value) => later(created(value)),
    status: (value) => {
      if (!STATES.includes(value)) invalidFilter('status', value, STATES)
      return ({ state }) => state === value
    },
    volume:
      (value) =>
      ({ config }) =>
        config.mounts.some((mount) => mount.name === value || mount.target === value || mount.source === value),
  }
  const filters = parseFilters(given, Object.keys(kinds))
  // Docker: labels must all match, of other filters one value is enough.
  const tests = [...filters].map(([name, values]): Matcher => {
    const matchers = values.map(kinds[name]!)
    return name === 'label'
      ? (container) => matchers.every((matches) => matches(container))
      : (container) => matchers.some((matches) => matches(container))
  })
  return {
    names: new Set(filters.keys()),
    matches: (container) => tests.every((matches) => matches(container)),
  }
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
