// npm run bench [-- PATTERN]: Cairn beside the peers that are installed, on the same work.
import { race, type Result } from './measure.ts'
import { rows } from './rows.ts'
import { openStage } from './stage.ts'

const pattern = process.argv[2]
const chosen = rows.filter((row) => !pattern || row.title.includes(pattern))
if (chosen.length === 0) {
  console.error(
    `bench: no row's title contains "${pattern}"; the rows are\n${rows.map((row) => `  ${row.title}`).join('\n')}`,
  )
  process.exit(1)
}

try {
  await table()
} catch (error) {
  for (const cause of causes(error)) console.error(cause)
  // Whatever still listens would keep the process.
  process.exit(1)
}

async function table(): Promise<void> {
  await using stage = await openStage()
  console.log('| work | engine | median ms | range | × cairn | peak RSS MB |')
  console.log('|---|---|--:|--:|--:|--:|')
  for (const row of chosen) {
    const contestants = await row.contestants(stage)
    if (contestants.length === 0) continue
    const results = await race(contestants, row.rounds)
    for (const result of results) console.log(line(row.title, result, results[0]!))
  }
}

/** What went wrong first, then what went wrong in tidying up after it. */
function causes(error: unknown): readonly unknown[] {
  return error instanceof SuppressedError ? [...causes(error.suppressed), ...causes(error.error)] : [error]
}

function line(title: string, result: Result, cairn: Result): string {
  const first = result === cairn
  const name = first ? `**${result.name}**` : result.name
  const cells = [
    first ? title : '',
    result.succeeded === undefined ? name : `${name}, ${result.succeeded} succeeded`,
    ...(Number.isNaN(result.median)
      ? ['', '', '']
      : [
          result.median.toFixed(1),
          `${result.low.toFixed(0)}–${result.high.toFixed(0)}`,
          (result.median / cairn.median).toFixed(1),
        ]),
    result.rssMb?.toFixed(0) ?? '',
  ]
  return `| ${cells.join(' | ')} |`
}
