import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { must, run, type Ran, type RunOptions } from './tools.ts'
import { busyboxRootfs } from './fixtures.ts'
import { leftoversOf } from './leftovers.ts'

/** A cairn with a store and run state of its own, gone when the scope ends. */
export interface TestNode extends AsyncDisposable {
  readonly root: string
  readonly runDir: string
  /** The full command line, for a test that spawns it itself. */
  argv(args: readonly string[]): string[]
  cairn(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** Like `cairn`, but anything other than exit 0 fails the test with the command's own words. */
  must(args: readonly string[], options?: RunOptions): Promise<string>
  /** Removes every container, running or not. */
  removeContainers(): Promise<void>
  /** What should be gone when no container runs: mounts, processes, cgroups, published ports. Empty when clean. */
  leftovers(): string[]
}

const project = join(import.meta.dir, '..')

/**
 * The command line under test: `CAIRN_BINARY`, else `dist/cairn`, which `npm test` builds first.
 * The directory is under /var/tmp: an overlay's upper and a mounted layer file need a real file system.
 */
export async function cairnNode(
  options: { readonly busybox?: boolean; readonly env?: Record<string, string> } = {},
): Promise<TestNode> {
  const binary = process.env.CAIRN_BINARY ?? join(project, 'dist/cairn')
  if (!existsSync(binary)) throw new Error(`${binary} is not there: run  npm run build`)
  const dir = mkdtempSync('/var/tmp/cairn-node-')
  const root = join(dir, 'root')
  const runDir = join(dir, 'run')
  const argv = (args: readonly string[]): string[] => [binary, '--root', root, '--run', runDir, ...args]
  const withEnv = (o: RunOptions = {}): RunOptions => ({ ...o, env: { ...options.env, ...o.env } })
  const left = leftoversOf(dir)
  const node: TestNode = {
    root,
    runDir,
    argv,
    cairn: async (args, o) => {
      left.note()
      const ran = await run(argv(args), withEnv(o))
      left.note(ran.stdout)
      return ran
    },
    must: async (args, o) => {
      left.note()
      const said = await must(argv(args), withEnv(o))
      left.note(said)
      return said
    },
    removeContainers: async () => {
      const ids = (await node.must(['ps', '-aq'])).split('\n').filter(Boolean)
      if (ids.length > 0) await node.must(['rm', '-f', ...ids])
    },
    leftovers: () => left.list(),
    [Symbol.asyncDispose]: async () => {
      const ids = (await run(argv(['ps', '-aq', '--no-trunc']))).stdout.split('\n').filter(Boolean)
      if (ids.length > 0) await run(argv(['rm', '-f', ...ids]))
      // Takes the bridge and the table of its network away too.
      await run(argv(['system', 'prune', '-f']))
      rmSync(dir, { recursive: true, force: true })
    },
  }
  if (options.busybox ?? true) await node.must(['import', '--change', 'CMD ["sh"]', await busyboxRootfs(), 'busybox'])
  return node
}
