/** One timed run of a command, from before its spawn to after its end. */
export interface Sample {
  readonly ms: number
  /** Peak resident set of the command and the children it waited for, in MB. */
  readonly rssMb: number
}

export interface Contestant {
  readonly name: string
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Untimed, before each run: brings the stage back to where it was. */
  readonly before?: () => Promise<void>
  /** Untimed, after each run. */
  readonly after?: () => Promise<void>
}

export interface Result {
  readonly name: string
  readonly median: number
  readonly low: number
  readonly high: number
  readonly rssMb: number
}

async function sample(contestant: Contestant): Promise<Sample> {
  await contestant.before?.()
  const started = performance.now()
  const child = Bun.spawn([...contestant.argv], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    env: { ...process.env, ...contestant.env },
  })
  const code = await child.exited
  const ms = performance.now() - started
  if (code !== 0) {
    throw new Error(
      `${contestant.name}: ${contestant.argv.join(' ')} exited with ${code}\n${await new Response(child.stderr).text()}`,
    )
  }
  await contestant.after?.()
  return { ms, rssMb: Number(child.resourceUsage()?.maxRSS ?? 0) / 1e6 }
}

/**
 * Runs every contestant `rounds` times in turn, the order rotated each round, so that a slow
 * spell of the machine falls on all of them. One warm-up round is thrown away.
 */
export async function race(contestants: readonly Contestant[], rounds: number): Promise<readonly Result[]> {
  const samples = contestants.map((): Sample[] => [])
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (turn + Math.max(round, 0)) % contestants.length
      const taken = await sample(contestants[index]!)
      if (round >= 0) samples[index]!.push(taken)
    }
  }
  return contestants.map(({ name }, index) => summary(name, samples[index]!))
}

function summary(name: string, samples: readonly Sample[]): Result {
  const sorted = samples.map((s) => s.ms).toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { name, median, low: sorted[0]!, high: sorted.at(-1)!, rssMb: Math.max(...samples.map((s) => s.rssMb)) }
}
