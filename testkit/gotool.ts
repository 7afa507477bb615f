import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { lacking, run } from './tools.ts'

/**
 * What a first build may take, downloads included: with nothing cached, one to three minutes on two cores. Go keeps
 * what it has compiled, so a build that was given up goes on the next time.
 */
const BUILD_MS = 300_000
/** How Go says that a module cannot be had, and what is said of a build that was given up; any other failure is ours. */
const UNREACHABLE = /dial tcp|no such host|403 Forbidden|i\/o timeout|connection refused|took too long/

/**
 * Commands of a Go module as binaries, in the order asked for ('' is the module itself): built once per machine and
 * kept. They are built where Go unpacks the module, with the versions that its authors pinned: `go install` refuses
 * modules that replace or exclude others. Undefined, with the reason printed, where there is no Go or the module
 * cannot be fetched.
 */
export async function goTools(
  module: string,
  version: string,
  packages: readonly string[],
): Promise<readonly string[] | undefined> {
  const cache = process.env.CAIRN_FIXTURES ?? join(tmpdir(), 'cairn-fixtures')
  const paths = packages.map((path) => join(cache, `${basename(path || module)}-${version}`))
  if (paths.every((path) => existsSync(path))) return paths
  const failed = lacking('go') ?? (await buildAll({ module, version, packages }, cache, paths))
  if (failed === undefined) return paths
  if (!failed.startsWith('needs') && !UNREACHABLE.test(failed))
    throw new Error(`${module}@${version} does not build: ${failed}`)
  console.log(`skipped: ${module} cannot be built here: ${failed.trim().slice(0, 300)}`)
  return undefined
}

interface GoModule {
  readonly module: string
  readonly version: string
  readonly packages: readonly string[]
}

/** Answers with what Go said when it failed. */
async function buildAll(
  { module, version, packages }: GoModule,
  cache: string,
  paths: readonly string[],
): Promise<string | undefined> {
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, '.making-'))
  const until = Date.now() + BUILD_MS
  const go = (...args: string[]): ReturnType<typeof run> =>
    run(['go', ...args], { cwd: work, env: { GOFLAGS: '' }, timeoutMs: Math.max(1, until - Date.now()) })
  try {
    const fetched = await go('mod', 'download', '-json', `${module}@${version}`)
    if (fetched.code !== 0) return fetched.stderr + fetched.stdout
    const { Dir } = JSON.parse(fetched.stdout) as { readonly Dir: string }
    for (const [i, path] of packages.entries()) {
      const binary = join(work, 'binary')
      const built = await go('-C', join(Dir, path), 'build', '-mod=readonly', '-o', binary, '.')
      if (built.code !== 0) return Date.now() < until ? built.stderr : 'the build took too long'
      renameSync(binary, paths[i]!)
    }
    return undefined
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
