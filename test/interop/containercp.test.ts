import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import {
  busyboxRootfs,
  cairnNode,
  lacking,
  must,
  needsRoot,
  run,
  setUp,
  skipReason,
  startDockerd,
  tempDir,
  type Ran,
  type RunOptions,
} from '#testkit'

// `cp`, by docker and by Cairn: the same command lines, the same exit codes and files.

const skip = skipReason('cp beside docker’s', needsRoot(), lacking('dockerd', 'docker', 'crun', 'conmon', 'tar'))

type Engine = (args: readonly string[], options?: RunOptions) => Promise<Ran>

const engines = new Map<string, Engine>()

setUp(skip, async (use) => {
  const docker = use(await startDockerd())
  const node = use(await cairnNode())
  engines.set('docker', (args, options) => docker.docker(args, options))
  engines.set('cairn', (args, options) => node.cairn(args, options))
  await docker.docker(['import', await busyboxRootfs(), 'busybox'])
  for (const engine of engines.values()) {
    const { code, stderr } = await engine([
      'run',
      '-d',
      '--name',
      'web',
      '--network',
      'none',
      'busybox',
      'sleep',
      '1000',
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  }
})

/** On this side, in a directory of its own. */
const HERE = `mkdir -p src/sub empty; echo a > src/a; echo b > src/sub/b; ln -s a src/link; ln src/a src/hard
  mkfifo src/pipe; chmod 700 src; chown -R 12:34 src; echo f > f; chmod 4640 f; chown 56:78 f
  ln -s f to-file; ln -s src to-dir; ln -s nowhere dangling; tar -cf some.tar src f`
/** And in the container, in /t. */
const THERE = `rm -rf /t; mkdir -p /t/d/sub /t/e/src /t/f-is-dir/f /t/sub-is-file/src; cd /t; echo x > d/x; echo y > d/sub/y
  echo > sub-is-file/src/sub; ln -s x d/link; chmod 4755 d/x; chown 5:6 d d/x; echo old > old; ln -s d to-dir
  ln -s d/x to-file; ln -s nowhere dangling; ln -s /t/d absolute; mkfifo pipe`

const CASES: readonly (readonly string[])[] = [
  ['f', 'web:/t/new'],
  ['f', 'web:t/relative'],
  ['f', 'web:/t/e/../up'],
  ['f', 'web:/t/d'],
  ['f', 'web:/t/d/'],
  ['f', 'web:/t/d/.'],
  ['f', 'web:/t/none/'],
  ['f', 'web:/t/none/f'],
  ['f', 'web:/t/old'],
  ['f', 'web:/t/old/'],
  ['f', 'web:/t/old/x'],
  ['f', 'web:/t/to-dir'],
  ['f', 'web:/t/to-file'],
  ['f', 'web:/t/dangling'],
  ['f', 'web:/t/absolute/sub'],
  ['f', 'web:/t/f-is-dir'],
  ['f/', 'web:/t/new'],
  ['src', 'web:/t/new'],
  ['src', 'web:/t/new/'],
  ['src/', 'web:/t/d'],
  ['src/.', 'web:/t/d'],
  ['src/.', 'web:/t/new'],
  ['src', 'web:/t/e'],
  ['src', 'web:/t/old'],
  ['src', 'web:/t/none/new'],
  ['src', 'web:/t/sub-is-file'],
  ['empty', 'web:/t/d'],
  ['to-file', 'web:/t/d'],
  ['-L', 'to-file', 'web:/t/d'],
  ['to-dir', 'web:/t/d'],
  ['-L', 'to-dir', 'web:/t/d'],
  ['to-dir/', 'web:/t/new'],
  ['dangling', 'web:/t/d'],
  ['-L', 'dangling', 'web:/t/d'],
  ['none', 'web:/t/d'],
  ['-', 'web:/t/d'],
  ['-', 'web:/t/to-dir'],
  ['-', 'web:/t/old'],
  ['-', 'web:/t/none'],
  ['web:/t/d/x', '.'],
  ['web:/t/d/x', 'new'],
  ['web:/t/d/x', 'none/new'],
  ['web:/t/d/x', 'none/'],
  ['web:/t/d/x', 'f'],
  ['web:/t/d/x', 'to-file'],
  ['web:/t/d/x', 'dangling'],
  ['web:/t/d/x', 'src/sub'],
  ['web:/t/d/x/', '.'],
  ['web:t/d/x', '.'],
  ['web:/t/d', 'new'],
  ['web:/t/d', 'empty'],
  ['web:/t/d/', 'empty'],
  ['web:/t/d/.', 'empty'],
  ['web:/t/d/.', 'new'],
  ['web:/t/d', 'f'],
  ['web:/t/to-dir', '.'],
  ['-L', 'web:/t/to-dir', 'new'],
  ['-L', 'web:/t/to-file', '.'],
  ['web:/t/absolute/', 'new'],
  ['web:/t/dangling', '.'],
  ['web:/t/pipe', '.'],
  ['web:/t/none', '.'],
  ['web:/t/d', '-'],
  ['web:/t/d/.', '-'],
  ['web:/t/d/x', '-'],
  ['web:/t/to-dir', '-'],
  ['-L', 'web:/t/to-dir', '-'],
  ['web:/t', 'web:/u'],
  ['src', 'new'],
]

const LIST = 'find . -exec stat -c "%n %F %a %u:%g %s" {} + | sed -E "s/(directory .*) [0-9]+$/\\1/" | sort'

/** What there is afterwards, on both sides; and what came out, as tar lists it. */
async function outcome(engine: Engine, args: readonly string[]): Promise<object> {
  using dir = tempDir()
  await must(['sh', '-c', HERE], { cwd: dir.path })
  await engine(['exec', 'web', 'sh', '-c', THERE])
  const stdin = args.includes('-') ? await Bun.file(join(dir.path, 'some.tar')).bytes() : ''
  const { code, stdout, stderr } = await engine(['cp', ...args], { cwd: dir.path, stdin })
  const listed = stdout && (await run(['tar', '--numeric-owner', '-t', '-v', '-f', '-'], { stdin: stdout })).stdout
  return {
    args,
    code,
    // The daemon's clock and ours are one, but the files are made anew for each.
    listed: listed.replaceAll(/ \d{4}-\d\d-\d\d \d\d:\d\d \.?\/?/g, ' '),
    silent: stderr === '',
    here: await must(['sh', '-c', LIST], { cwd: dir.path }),
    there: (await engine(['exec', 'web', 'sh', '-c', `cd /t && ${LIST}`])).stdout,
  }
}

describe.skipIf(skip)('cp beside docker’s', () => {
  test.each(CASES.map((args) => [args.join(' '), args] as const))('%s', async (_, args) => {
    const [docker, cairn] = await Promise.all(['docker', 'cairn'].map((name) => outcome(engines.get(name)!, args)))
    expect(cairn).toEqual(docker!)
  })
})
