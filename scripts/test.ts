// One command for the whole suite: types, lint, then every test; the last line is the tally.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'

const steps: readonly (readonly [string, readonly string[]])[] = [
  ['types', ['tsc', '-b']],
  ['lint', ['oxlint', '--type-aware']],
  ['format', ['oxfmt', '--check']],
  ['binary', ['bun', 'scripts/build.ts']],
]

let broken = 0
const filters = process.argv.slice(2)
if (filters.length === 0) {
  for (const [name, argv] of steps) {
    const started = performance.now()
    const { status } = spawnSync('npx', ['--no-install', ...argv], { stdio: 'inherit' })
    console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
    if (status !== 0) broken++
  }
} else if (runsBinary(filters) && isStale('dist/cairn')) {
  const { status } = spawnSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' })
  if (status !== 0) broken++
}

const { passed, failed, skipped, reasons } = await runTests(filters)
if (reasons.size > 0) console.log(`skipped because: ${[...reasons].sort().join('; ')}`)
const tally = `${passed} passed, ${failed + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
console.log(tally)
process.exitCode = failed + broken > 0 || passed === 0 ? 1 : 0

/** Tests beside their sources do not use the binary; those in `test/`, however they are named, may. */
function runsBinary(paths: readonly string[]): boolean {
  return process.env.CAIRN_BINARY === undefined && paths.some((path) => !/^(\.\/)?src\//.test(path))
}

/** Whether what `binary` is made of has changed since it was: a look at every file, some 10 ms. */
function isStale(binary: string): boolean {
  const changed = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const built = changed(binary)
  const sources = [...new Bun.Glob('src/**/*').scanSync({ onlyFiles: false })].filter(
    (path) => !path.endsWith('.test.ts'),
  )
  return [...sources, 'package-lock.json', 'scripts/build.ts'].some((path) => changed(path) > built)
}

interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** What was missing, each once: what a test needs, or else all that it says. */
  readonly reasons: ReadonlySet<string>
}

/** Runs `bun test` and reads its tally from the summary that it prints last. */
async function runTests(paths: readonly string[]): Promise<Tally> {
  const child = Bun.spawn([process.execPath, 'test', '--timeout', '120000', ...paths], {
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
  })
  let tail = ''
  const reasons = new Set<string>()
  const pass = async (from: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder()
    let line = ''
    for await (const chunk of from) {
      const text = decoder.decode(chunk, { stream: true })
      process.stdout.write(text)
      tail = (tail + text).slice(-4000)
      const lines = (line + text).split('\n')
      line = lines.pop() ?? ''
      for (const said of lines) {
        const reason = /^skipped: (?:.*: (?=needs ))?(.+)$/.exec(said)?.[1]
        if (reason) reasons.add(reason)
      }
    }
  }
  await Promise.all([pass(child.stdout), pass(child.stderr)])
  const code = await child.exited
  const plain = Bun.stripANSI(tail)
  const count = (word: string): number => Number(new RegExp(`^\\s*(\\d+) ${word}$`, 'm').exec(plain)?.[1] ?? 0)
  const tally = { passed: count('pass'), failed: count('fail') + count('errors?'), skipped: count('skip'), reasons }
  // A crash before the summary must not look like success.
  return code !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally
}
