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
}

export interface Result {
  readonly name: string
  readonly median: number
  readonly low: number
  readonly high: number
  /** Peak resident set of the command and the children it waited for; unknown without GNU time. */
  readonly rssMb: number | undefined
}

/** Milliseconds from before a command's spawn to after its end. */
async function sample(contestant: Contestant): Promise<number> {
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
  if (code !== 0) {
    throw new Error(
      `${contestant.name}: ${contestant.argv.join(' ')} exited with ${code}\n${await new Response(child.stderr).text()}`,
    )
  }
  await contestant.after?.()
  return ms
}

/**
 * Runs every contestant `rounds` times in turn, the order rotated each round, so that a slow
 * spell of the machine falls on all of them. One warm-up round is thrown away.
 */
export async function race(contestants: readonly Contestant[], rounds: number): Promise<readonly Result[]> {
  const samples = contestants.map((): number[] => [])
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (turn + Math.max(round, 0)) % contestants.length
      const taken = await sample(contestants[index]!)
      if (round >= 0) samples[index]!.push(taken)
    }
  }
  const results: Result[] = []
  for (const [index, contestant] of contestants.entries())
    results.push(summary(contestant.name, samples[index]!, await peakRss(contestant)))
  return results
}

/**
 * One more run, untimed, under GNU time: what `wait4` reports here would count this process's own
 * memory at the fork.
 */
async function peakRss(contestant: Contestant): Promise<number | undefined> {
  if (contestant.server !== undefined) {
    const status = readFileSync(`/proc/${contestant.server}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1000
  }
  if (!Bun.which('time')) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'cairn-bench-rss-'))
  try {
    const report = join(dir, 'rss')
    await sample({ ...contestant, argv: ['time', '-f', '%M', '-o', report, ...contestant.argv] })
    return Number(readFileSync(report, 'utf8')) / 1000
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function summary(name: string, samples: readonly number[], rssMb: number | undefined): Result {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { name, median, low: sorted[0]!, high: sorted.at(-1)!, rssMb }
}
