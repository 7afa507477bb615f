import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { must } from './tools.ts'

/**
 * Commands of a Go module as binaries, in the order asked for: built once per machine (a minute or two) and kept.
 * `go install` refuses modules that replace or exclude others, so they are built as another module's tools.
 * Undefined, with the reason printed, where there is no Go or the module cannot be fetched.
 */
export async function goTools(
  module: string,
  version: string,
  packages: readonly string[],
): Promise<readonly string[] | undefined> {
  const cache = process.env.CAIRN_FIXTURES ?? join(tmpdir(), 'cairn-fixtures')
  const paths = packages.map((path) => join(cache, `${basename(path)}-${version}`))
  if (paths.every((path) => existsSync(path))) return paths
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, '.making-'))
  try {
    const imports = packages.map((path) => `import _ "${module}/${path}"\n`).join('')
    writeFileSync(join(work, 'go.mod'), 'module tool\n\ngo 1.24\n')
    writeFileSync(join(work, 'tool.go'), `//go:build tool\n\npackage tool\n\n${imports}`)
    const go = (...args: string[]): Promise<string> => must(['go', ...args], { cwd: work, timeoutMs: 600_000 })
    await go('get', `${module}@${version}`)
    await go('mod', 'tidy')
    for (const [i, path] of packages.entries()) {
      await go('build', '-o', join(work, 'binary'), `${module}/${path}`)
      renameSync(join(work, 'binary'), paths[i]!)
    }
    return paths
  } catch (error) {
    console.log(`skipped: ${module} cannot be built here: ${String(error).slice(0, 300)}`)
    return undefined
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
