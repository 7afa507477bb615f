/** Counters of a server, told in Prometheus' text format. */
export interface Metrics {
  /** A request was answered. */
  answered(kind: string, method: string, status: number, seconds: number): void
  add(name: CounterName, amount: number, labels?: string): void
  /** `extra` are gauges measured at the time of asking. */
  text(extra: Readonly<Record<GaugeName, number>>): string
}

const COUNTERS = {
  cairn_registry_events_total: 'Pushes, pulls, mounts and deletions by kind',
  cairn_registry_blob_bytes_total: 'Bytes of blobs served and taken',
  cairn_registry_gc_removed_blobs_total: 'Blobs removed by garbage collection',
  cairn_registry_gc_removed_bytes_total: 'Bytes freed by garbage collection',
  cairn_registry_webhook_failures_total: 'Webhook calls given up',
  cairn_registry_upstream_fetches_total: 'Manifests and blobs fetched from upstreams',
} as const

export type CounterName = keyof typeof COUNTERS

const GAUGES = {
  cairn_registry_requests_active: 'Requests worked on',
  process_resident_memory_bytes: 'Memory that the process has',
} as const

export type GaugeName = keyof typeof GAUGES

/** Upper bounds of the histogram's buckets, in seconds. */
const BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60] as const

interface Timing {
  count: number
  sum: number
  readonly buckets: number[]
}

export function createMetrics(): Metrics {
  const timings = new Map<string, Timing>()
  const counters = new Map<string, number>()
  return {
    answered: (kind, method, status, seconds) => {
      const labels = `route="${kind}",method="${METHODS.has(method) ? method : 'other'}",status="${status}"`
      let timing = timings.get(labels)
      if (!timing) timings.set(labels, (timing = { count: 0, sum: 0, buckets: BUCKETS.map(() => 0) }))
      timing.count++
      timing.sum += seconds
      for (const [i, bound] of BUCKETS.entries()) if (seconds <= bound) timing.buckets[i]!++
    },
    add: (name, amount, labels = '') => {
      const key = labels === '' ? name : `${name}{${labels}}`
      counters.set(key, (counters.get(key) ?? 0) + amount)
    },
    text: (extra) => {
      const lines = [...histogram(timings)]
      for (const [name, help] of Object.entries(COUNTERS)) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`)
        for (const [key, value] of counters) if (key.split('{', 1)[0] === name) lines.push(`${key} ${value}`)
      }
      for (const [name, help] of Object.entries(GAUGES))
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${extra[name as GaugeName]}`)
      return `${lines.join('\n')}\n`
    },
  }
}

/** Others would let a client make up as many series as it likes. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

function* histogram(timings: ReadonlyMap<string, Timing>): Iterable<string> {
  const name = 'cairn_registry_request_seconds'
  yield `# HELP ${name} Time until a request's answer began`
  yield `# TYPE ${name} histogram`
  for (const [labels, { count, sum, buckets }] of timings) {
    for (const [i, bound] of BUCKETS.entries()) yield `${name}_bucket{${labels},le="${bound}"} ${buckets[i]}`
    yield `${name}_bucket{${labels},le="+Inf"} ${count}`
    yield `${name}_sum{${labels}} ${sum}`
    yield `${name}_count{${labels}} ${count}`
  }
}
