import { describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { processEnd } from '#sys'
import {
  cairnNode,
  debianRootfs,
  lacking,
  must,
  needsRoot,
  setUp,
  skipReason,
  tempDir,
  type TempDir,
  type TestNode,
} from '#testkit'

// kill -9 of any process at any moment leaves a store that the next command uses as if nothing
// had happened, and nothing behind.

const skip = skipReason('crashes', needsRoot(), lacking('crun', 'conmon', 'mmdebstrap'))

let node: TestNode
let dir: TempDir

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode())
})

/** The store works: an image runs, listings answer, nothing is left when nothing runs. */
async function healthy(): Promise<void> {
  expect(await node.must(['run', '--rm', '--network', 'none', 'busybox', 'echo', 'fine'])).toBe('fine\n')
  await node.must(['ps', '-a'])
  await node.must(['images'])
  expect(await node.must(['system', 'df'])).toContain('Images')
}

/** Starts a command and kills it with SIGKILL at the n-th change under `watched`; true if it was still running. */
async function killedAtChange(argv: string[], watched: string, n: number): Promise<boolean> {
  mkdirSync(watched, { recursive: true })
  let changes = 0
  const watcher = watch(watched, { recursive: true }, () => {
    if (++changes >= n) child.kill('SIGKILL')
  })
  const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  await child.exited
  watcher.close()
  return child.signalCode === 'SIGKILL'
}

interface Inspected {
  readonly State: { readonly Pid: number; readonly Status: string }
}
const inspect = async (name: string): Promise<Inspected> =>
  (JSON.parse(await node.must(['inspect', name])) as Inspected[])[0]!

/** The parent of a container's first process: its monitor. */
function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** The process with exactly these arguments, as soon as there is one. */
async function processOf(args: readonly string[]): Promise<number> {
  const wanted = `${args.join('\0')}\0`
  for (;;) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      if (commandLine(pid) === wanted) return Number(pid)
    await Bun.sleep(5)
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

describe.skipIf(skip)('kill -9', () => {
  test('of an import at many moments', async () => {
    const rootfs = await debianRootfs()
    let killed = 0
    for (const n of [1, 2, 3, 5, 9]) {
      if (await killedAtChange(node.argv(['import', rootfs, 'debian:12']), node.root, n)) killed++
    }
    expect(killed).toBeGreaterThan(0)
    await node.must(['import', rootfs, 'debian:12'])
    expect(
      await node.must(['run', '--rm', '--network', 'none', 'debian:12', 'cat', '/etc/debian_version']),
    ).toStartWith('12.')
    await healthy()
  }, 120_000)

  test('of a load at many moments', async () => {
    const archive = join(dir.path, 'debian.tar')
    await node.must(['save', '-o', archive, 'debian:12'])
    await node.must(['rmi', 'debian:12'])
    await node.must(['image', 'prune', '-f'])
    for (const n of [1, 2, 4, 8]) await killedAtChange(node.argv(['load', '-q', '-i', archive]), node.root, n)
    await node.must(['load', '-i', archive])
    expect(await node.must(['run', '--rm', '--network', 'none', 'debian:12', 'true'])).toBe('')
    await healthy()
  }, 120_000)

  test('of a build while a step runs', async () => {
    const context = join(dir.path, 'context')
    mkdirSync(context)
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM busybox\nRUN echo first > /a\nRUN echo reached; exec sleep 10042\n',
    )
    const child = Bun.spawn(node.argv(['build', '--progress', 'plain', '--network', 'none', context]), {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    await sees(child.stderr, child.stdout, 'reached')
    const step = await processOf(['sleep', '10042'])
    child.kill('SIGKILL')
    await child.exited
    // Nobody else has to come for that.
    await processEnd(step)
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN echo first > /a\nRUN cat /a\n')
    await node.must(['build', '--network', 'none', '-t', 'after', context])
    await healthy()
    expect(node.leftovers()).toEqual([])
  }, 60_000)

  test('of the command line that waits for a container', async () => {
    const child = await runningInForeground('--name', 'orphan', '--network', 'none')
    child.kill('SIGKILL')
    await child.exited
    expect((await inspect('orphan')).State.Status).toBe('running')
    await node.must(['rm', '-f', 'orphan'])
    await healthy()
    expect(node.leftovers()).toEqual([])
  }, 60_000)

  test('of a foreground run without a monitor', async () => {
    const child = await runningInForeground('--rm', '--name', 'direct', '--network', 'none')
    child.kill('SIGKILL')
    await child.exited
    await node.cairn(['rm', '-f', 'direct'])
    await healthy()
    expect(node.leftovers()).toEqual([])
    expect(await node.must(['ps', '-aq'])).toBe('')
  }, 60_000)

  test('of the runtime that a foreground run waits for', async () => {
    const child = await runningInForeground('--rm', '--name', 'waited', '-p', '127.0.0.1:0:80')
    const { Pid } = (await inspect('waited')).State
    // So that what it leaves has a name.
    expect(node.leftovers()).not.toEqual([])
    process.kill(parentOf(Pid), 'SIGKILL')
    expect(await child.exited).toBe(137)
    await processEnd(Pid)
    expect(node.leftovers()).toEqual([])
    expect(await node.must(['ps', '-aq'])).toBe('')
    await healthy()
  }, 60_000)

  test('of the monitor', async () => {
    await node.must(['run', '-d', '--name', 'watched', '-p', '127.0.0.1:0:80', 'busybox', 'sleep', '1000'])
    const { Pid } = (await inspect('watched')).State
    const monitor = parentOf(Pid)
    process.kill(monitor, 'SIGKILL')
    await processEnd(monitor)
    await node.must(['ps', '-a'])
    await node.must(['rm', '-f', 'watched'])
    await healthy()
    expect(node.leftovers()).toEqual([])
  }, 60_000)

  test('of the container', async () => {
    await node.must(['run', '-d', '--name', 'victim', '--network', 'none', 'busybox', 'sleep', '1000'])
    process.kill((await inspect('victim')).State.Pid, 'SIGKILL')
    expect((await node.must(['wait', 'victim'])).trim()).toBe('137')
    expect((await inspect('victim')).State.Status).toBe('exited')
    await node.must(['start', 'victim'])
    expect((await inspect('victim')).State.Status).toBe('running')
    await node.must(['rm', '-f', 'victim'])
    await healthy()
    expect(node.leftovers()).toEqual([])
  }, 60_000)

  test('of whoever removed it last: its lock goes with the next prune', async () => {
    const id = (await node.must(['run', '-d', '--rm', '--network', 'none', 'busybox', 'sleep', '1000'])).trim()
    await node.must(['rm', '-f', id])
    const auto = (await node.must(['run', '-d', '--rm', '--network', 'none', 'busybox', 'true'])).trim()
    await node.must(['wait', auto])
    for (const gone of [id, auto]) writeFileSync(join(node.runDir, 'locks', gone), '')
    await node.must(['system', 'prune', '-f'])
    expect(readdirSync(join(node.runDir, 'locks'))).toEqual([])
  }, 60_000)

  test('of everything at once: monitor and container together', async () => {
    await node.must(['run', '-d', '--name', 'both', '--network', 'none', 'busybox', 'sleep', '1000'])
    const { Pid } = (await inspect('both')).State
    const monitor = parentOf(Pid)
    process.kill(monitor, 'SIGKILL')
    process.kill(Pid, 'SIGKILL')
    await Promise.all([processEnd(monitor), processEnd(Pid)])
    expect((await inspect('both')).State.Status).toBe('exited')
    await node.must(['start', 'both'])
    await node.must(['rm', '-f', 'both'])
    await healthy()
    expect(node.leftovers()).toEqual([])
  }, 60_000)
})

/** The runtime's own word to a container: what a command line had said when it died before it could record it. */
async function behindTheRecord(runtime: string, verb: 'pause' | 'resume', name: string): Promise<void> {
  const id = (await node.must(['inspect', '--format', '{{.Id}}', name])).trim()
  await must([runtime, '--root', join(node.runDir, 'runtime', runtime), verb, id])
}

describe.skipIf(skip || skipReason('frozen containers', lacking('runc')))(
  'frozen or thawed, and not recorded so',
  () => {
    const run = (name: string, ...flags: readonly string[]): Promise<string> =>
      node.must(['run', '-d', '--name', name, ...flags, '--network', 'none', 'busybox', 'sleep', '1000'])

    test.each(['kill', 'stop -t 0', 'rm -f'])(
      '%s ends it',
      async (verb) => {
        await run('frozen')
        await behindTheRecord('crun', 'pause', 'frozen')
        await node.must([...verb.split(' '), 'frozen'])
        expect(await node.must(['ps', '-q'])).toBe('')
        await node.must(['rm', '-f', 'frozen'])
        expect(node.leftovers()).toEqual([])
      },
      20_000,
    )

    test.each(['crun', 'runc'])('%s: unpause finds it thawed', async (runtime) => {
      await run('thawed', '--runtime', runtime)
      await node.must(['pause', 'thawed'])
      await behindTheRecord(runtime, 'resume', 'thawed')
      await node.must(['unpause', 'thawed'])
      await node.must(['exec', 'thawed', 'true'])
      await node.must(['rm', '-f', 'thawed'])
    })

    test('its monitor killed, the next command ends it', async () => {
      await run('left')
      await node.must(['pause', 'left'])
      const { Pid } = (await inspect('left')).State
      const monitor = parentOf(Pid)
      process.kill(monitor, 'SIGKILL')
      await processEnd(monitor)
      expect(await node.must(['ps', '-a', '--format', '{{.State}}'])).toBe('exited\n')
      await node.must(['rm', 'left'])
      expect(node.leftovers()).toEqual([])
    })
  },
)

test.skipIf(skip)('a container that ignores SIGTERM is killed when its time is up', async () => {
  await node.must([
    'run',
    '-d',
    '--name',
    'stubborn',
    '--network',
    'none',
    'busybox',
    'sh',
    '-c',
    "trap '' TERM; while :; do sleep 1; done",
  ])
  await node.must(['stop', '-t', '1', 'stubborn'])
  expect((await node.must(['wait', 'stubborn'])).trim()).toBe('137')
  await node.must(['rm', 'stubborn'])
  expect(node.leftovers()).toEqual([])
})

/** A command line that stays with its container, once the container says so. */
async function runningInForeground(...flags: readonly string[]): Promise<Bun.Subprocess<'ignore', 'pipe', 'pipe'>> {
  const argv = node.argv(['run', ...flags, 'busybox', 'sh', '-c', 'echo up; exec sleep 1000'])
  const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  await sees(child.stdout, child.stderr, 'up')
  return child
}

/** Reads two streams until one says `word`. */
async function sees(one: ReadableStream<Uint8Array>, two: ReadableStream<Uint8Array>, word: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const said: string[] = []
  const follow = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      said.push(decoder.decode(chunk, { stream: true }))
      if (said.join('').includes(word)) resolve()
    }
  }
  void Promise.all([follow(one), follow(two)]).then(() =>
    reject(new Error(`ended without "${word}":\n${said.join('')}`)),
  )
  await promise
}
