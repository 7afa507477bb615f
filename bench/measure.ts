import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Contestant {
  readonly name: string
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Untimed, before each run: brings the stage back to where it was. */
  readonly before?: () => Promise<void>
  /** Untimed, after each run. */
  readonly after?: () => Promise<void>
  /** Milliseconds from what the command printed, where the time of its run is not what is asked for. */
  readonly measure?: (stdout: string) => number
  /** The process whose memory counts, where it is not the command's. */
  readonly server?: number
  /** A run that fails is counted, not thrown. */
  readonly mayFail?: boolean
}

export interface Result {
  readonly name: string
  /** Runs that succeeded, of those that may fail; the times are theirs, NaN if there are none. */
  readonly succeeded?: string
  readonly median: number
  readonly low: number
  readonly high: number
  /** Peak resident set of the command and the children it waited for; unknown without GNU time. */
  readonly rssMb: number | undefined
}

/** Milliseconds from before a command's spawn to after its end; undefined for a failure that is allowed. */
async function sample(contestant: Contestant): Promise<number | undefined> {
  await contestant.before?.()
  const started = performance.now()
  const child = Bun.spawn([...contestant.argv], {
    stdin: 'ignore',
    stdout: contestant.measure ? 'pipe' : 'ignore',
    stderr: 'pipe',
    env: { ...process.env, ...contestant.env },
  })
  const printed = contestant.measure && new Response(child.stdout).text()
  const code = await child.exited
  const ms = contestant.measure ? contestant.measure((await printed) ?? '') : performance.now() - started
  if (code !== 0 && !contestant.mayFail) {
    throw new Error(
      `${contestant.name}: ${contestant.argv.join(' ')} exited with ${code}\n${await new Response(child.stderr).text()}`,
    )
  }
  await contestant.after?.()
  return code === 0 ? ms : undefined
}

/**
 * Runs every contestant `rounds` times in turn, the order rotated each round, so that a slow
 * spell of the machine falls on all of them. The times of a warm-up round are thrown away; its memory is what counts.
 */
export async function race(contestants: readonly Contestant[], rounds: number): Promise<readonly Result[]> {
  const samples = contestants.map((): (number | undefined)[] => [])
  const peaks: (number | undefined)[] = []
  for (const contestant of contestants) peaks.push(await peakRss(contestant))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (turn + round) % contestants.length
      samples[index]!.push(await sample(contestants[index]!))
    }
  }
  return contestants.map((contestant, index) =>
    summary(contestant, samples[index]!, contestant.server === undefined ? peaks[index] : serverRss(contestant.server)),
  )
}

/**
 * A run, untimed, under GNU time: what `wait4` reports here would count this process's own
 * memory at the fork.
 */
async function peakRss(contestant: Contestant): Promise<number | undefined> {
  if (contestant.server !== undefined || !Bun.which('time')) {
    await sample(contestant)
    return undefined
  }
  const dir = mkdtempSync(join(tmpdir(), 'cairn-bench-rss-'))
  try {
    const report = join(dir, 'rss')
    await sample({ ...contestant, argv: ['time', '-f', '%M', '-o', report, ...contestant.argv] })
    // A line that tells of a failure may stand before it.
    return Number(readFileSync(report, 'utf8').trim().split('\n').at(-1)) / 1000
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The most that a server has had so far. */
function serverRss(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1000
}

function summary(
  { name, mayFail }: Contestant,
  samples: readonly (number | undefined)[],
  rssMb: number | undefined,
): Result {
  const sorted = samples.filter((ms) => ms !== undefined).toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? NaN
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
  const times = { median, low: at(0), high: at(sorted.length - 1), rssMb }
  return mayFail ? { name, succeeded: `${sorted.length} of ${samples.length}`, ...times } : { name, ...times }
}
