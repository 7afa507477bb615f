import { describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { cairnNode, lacking, needsRoot, setUp, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

// kill -9 of a command line at a moment drawn by lot, many times over. Whatever moment that is, the next command works,
// nothing runs on that nobody asked for, and what is on the disk is what `system df` counts.

const skip = skipReason('random kills', needsRoot(), lacking('crun', 'conmon'))

let node: TestNode
let dir: TempDir
let archive: string

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode())
  const context = join(dir.path, 'context')
  mkdirSync(context)
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM busybox\nRUN --mount=type=cache,target=/c head -c 3000000 /dev/urandom | tee /c/a > /a\nRUN wc -c /a > /b\nCOPY Dockerfile /\n',
  )
  archive = join(dir.path, 'image.tar')
  await node.must(['build', '-q', '--network', 'none', '-t', 'saved', context])
  await node.must(['save', '-o', archive, 'saved'])
  await node.must(['rmi', 'saved'])
  await clean()
})

/** Takes away what was made on purpose, by the commands for that. */
async function clean(): Promise<void> {
  const ids = (await node.must(['ps', '-aq', '--no-trunc'])).split('\n').filter(Boolean)
  if (ids.length > 0) await node.must(['rm', '-f', ...ids])
  await node.must(['builder', 'prune', '-af'])
  await node.must(['image', 'prune', '-f'])
  await node.must(['system', 'prune', '-f'])
}

const usage = (): Promise<string> => node.must(['system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Size}}'])

/** Starts a command and kills it after so many milliseconds, if it takes that long. */
async function killed(args: readonly string[], after: number): Promise<void> {
  const child = Bun.spawn(node.argv(args), { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  const timer = setTimeout(() => child.kill('SIGKILL'), after)
  await child.exited
  clearTimeout(timer)
}

/** What a killed build leaves behind to end its steps needs a moment for that: up to two seconds each. */
async function leftovers(): Promise<readonly string[]> {
  const until = Date.now() + 15_000
  while (Date.now() < until && node.leftovers().some((left) => left.includes('cairn-guard'))) await Bun.sleep(20)
  return node.leftovers()
}

/** What is under way or has run lies here: all of it is empty when nothing does. */
const EMPTY = [
  'root/work',
  'root/layers/tmp',
  'root/content/ingest',
  'root/containers',
  'root/cachemounts',
  'run/containers',
  'run/locks',
]

const filesIn = (path: string): readonly string[] => {
  try {
    return readdirSync(join(node.root, '..', path)).map((name) => `${path}/${name}`)
  } catch {
    return []
  }
}

/** Commands, and the milliseconds in which they do what they do. */
const VICTIMS: Readonly<Record<string, readonly [args: () => readonly string[], span: number]>> = {
  build: [() => ['build', '--no-cache', '--network', 'none', '-t', 'built', join(dir.path, 'context')], 400],
  load: [() => ['load', '-i', archive], 120],
  'run --rm': [() => ['run', '--rm', '-p', '127.0.0.1:0:80', 'busybox', 'true'], 120],
  'run -d': [() => ['run', '-d', '-p', '127.0.0.1:0:80', 'busybox', 'sleep', '1000'], 120],
  'run with a monitor': [() => ['run', '--network', 'none', 'busybox', 'true'], 120],
}

describe.skipIf(skip)('killed at any moment', () => {
  test.each(Object.keys(VICTIMS))(
    '%s leaves nothing',
    async (name) => {
      const [args, span] = VICTIMS[name]!
      const before = await usage()
      await fc.assert(
        fc.asyncProperty(fc.nat(span), async (after) => {
          await killed(args(), after)
          expect(await node.must(['run', '--rm', '--network', 'none', 'busybox', 'echo', 'fine'])).toBe('fine\n')
        }),
        { numRuns: 5 },
      )
      for (const image of (await node.must(['images', '--format', '{{.Repository}}'])).split('\n'))
        if (image === 'built' || image === 'saved') await node.must(['rmi', '-f', image])
      await clean()
      expect(await leftovers()).toEqual([])
      expect(EMPTY.flatMap(filesIn)).toEqual([])
      expect(await usage()).toBe(before)
    },
    60_000,
  )
})
