import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cannotRun, openLab, runtimes, type Lab } from '../lab.test.ts'
import type { Step } from '../scenario.test.ts'

// Where process 1 is slow to reap orphans, a container's end is late by seconds.
setDefaultTimeout(60_000)
let lab: Lab
beforeAll(async () => {
  if (!cannotRun) lab = await openLab()
})
afterAll(() => lab?.close())

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
const attended: readonly Step[] = [['create'], ['attach'], ['start'], ['closed'], ['wait'], ['delete']]
const sleeper = ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done']

describe.skipIf(cannotRun).each(runtimes)('%s under conmon', (runtime) => {
  const perform = (
    args: readonly string[],
    steps: readonly Step[],
    spec: object = {},
    options?: object,
  ): ReturnType<Lab['perform']> => lab.perform(runtime, { args, ...spec }, steps, options)
  const sh = (
    script: string,
    steps: readonly Step[],
    spec: object = {},
    options?: object,
  ): ReturnType<Lab['perform']> => perform(['sh', '-c', script], steps, spec, options)

  test('create, attach, start, exit', async () => {
    const { results, stdout, stderr, log } = await sh('cat; echo problem >&2; exit 7', attended, {}, { stdin: 'hello' })
    expect(results).toEqual(['created', 'attached', null, null, { code: 7 }, null])
    expect([stdout, stderr]).toEqual(['hello', 'problem\n'])
    expect(log).toMatch(/^\S+ stdout P hello\n\S+ stderr F problem\n$/)
  })
  test('its stdio are pipes that can be opened again', async () => {
    const { stdout, stderr } = await sh('echo x > /dev/stdout; echo y > /dev/stderr', attended)
    expect([stdout, stderr]).toEqual(['x\n', 'y\n'])
  })
  test('nothing is lost of 4 MB in and 4 MB out, even when nobody reads at first', async () => {
    const input = randomBytes(4_000_000)
    const { results, stdout } = await sh('tee /tmp/in | sha256sum; sha256sum < /tmp/in', attended, {}, { stdin: input })
    expect(results[4]).toEqual({ code: 0 })
    expect(stdout).toBe(`${sha256(input)}  -\n`.repeat(2))
    const { stdout: out } = await sh('head -c 4000000 /dev/zero | tr "\\0" x; sleep 0.1; echo end', attended)
    expect(sha256(out)).toBe(sha256(`${'x'.repeat(4_000_000)}end\n`))
  })
  test('both ways at once', async () => {
    const text = randomBytes(2_000_000).toString('base64')
    const { stdout } = await perform(['cat'], attended, {}, { stdin: text })
    expect(sha256(stdout)).toBe(sha256(text))
  })
  test('a terminal has a size, that can change, and one stream', async () => {
    const script =
      'while [ "$(stty size 2> /dev/null)" != "33 99" ]; do sleep 0.02; done; tty; echo err >&2; echo $TERM'
    const steps: readonly Step[] = [
      ['create'],
      ['attach'],
      ['start'],
      ['resize', 33, 99],
      ['closed'],
      ['wait'],
      ['delete'],
    ]
    const { results, stdout, stderr } = await sh(script, steps, { tty: true })
    expect(results[5]).toEqual({ code: 0 })
    expect([stdout, stderr]).toEqual(['/dev/pts/0\r\nerr\r\nxterm\r\n', ''])
  })

  test.each([
    [['nosuch'], 127, 'exec: "nosuch": executable file not found in $PATH'],
    [['/etc/passwd'], 126, 'exec: "/etc/passwd": permission denied'],
  ])('%j cannot be started: %d, with and without our looking first', async (args, exitCode, error) => {
    for (const mounts of [[], [{ type: 'tmpfs', target: '/opt' }]]) {
      const { results } = await perform(args, [['create'], ['state']], { mounts })
      expect(results).toEqual([{ code: expect.any(String), exitCode, error }, null])
    }
  })
  test('what goes wrong while creating is told, and nothing stays', async () => {
    const mounts = [{ type: 'bind', source: '/no/such/source', target: '/x' }]
    const { results } = await perform(['true'], [['create'], ['state'], ['create']], { mounts })
    expect(results[0]).toMatchObject({ exitCode: 125, error: expect.stringContaining('/no/such/source') })
    expect(results[1]).toBeNull()
    expect(results[2]).toEqual(results[0])
  })

  test('states: created, running, paused, running, stopped, gone', async () => {
    const { results } = await perform(sleeper, [
      ['create'],
      ['state'],
      ['recorded'],
      ['start'],
      ['state'],
      ['pause'],
      ['state'],
      ['resume'],
      ['state'],
      ['kill', 9],
      ['wait'],
      ['state'],
      ['recorded'],
      ['delete'],
      ['state'],
      ['delete'],
    ])
    expect(results).toEqual([
      'created',
      'created',
      {},
      null,
      'running',
      null,
      'paused',
      null,
      'running',
      null,
      { code: 137 },
      'stopped',
      { exit: { code: 137 } },
      null,
      null,
      null,
    ])
  })
  test('a container killed for its memory says so', async () => {
    const script = 'head -c 60000000 /dev/zero | tail > /dev/null; exit 9'
    const { results } = await sh(script, [['create'], ['start'], ['wait'], ['delete']], {
      resources: { memory: 16 * 1024 * 1024 },
    })
    expect(results[2]).toMatchObject({ oomKilled: true })
  })
  test('the exit command runs after the exit was recorded', async () => {
    const mark = join(lab.run, `mark-${runtime}`)
    writeFileSync(mark, '')
    const exitCommand = ['/bin/sh', '-c', `echo over >> ${mark}`]
    const { results } = await perform(['true'], [['create', { exitCommand }], ['start'], ['wait'], ['delete']])
    expect(results[2]).toEqual({ code: 0 })
    while ((await Bun.file(mark).text()) === '') await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await Bun.file(mark).text()).toBe('over\n')
  })

  describe('exec', () => {
    const around = (step: Step): readonly Step[] => [['create'], ['start'], step, ['kill', 9], ['wait'], ['delete']]
    test('passes output and exit code through', async () => {
      const { results, stdout, stderr } = await perform(
        sleeper,
        around(['exec', ['sh', '-c', 'echo hi; echo no >&2; exit 4']]),
      )
      expect([results[2], stdout, stderr]).toEqual([{ code: 4 }, 'hi\n', 'no\n'])
    })
    test('is as confined as the container', async () => {
      const { stdout } = await perform(
        sleeper,
        around(['exec', ['grep', '-E', '^(CapBnd|Seccomp):', '/proc/self/status']]),
      )
      expect(stdout).toBe('CapBnd:\t00000000a80425fb\nSeccomp:\t2\n')
    })
    test('a command that is not there is 127, one that cannot be run 126', async () => {
      expect((await perform(sleeper, around(['exec', ['nosuch']]))).results[2]).toMatchObject({ exitCode: 127 })
      expect((await perform(sleeper, around(['exec', ['/etc/passwd']]))).results[2]).toMatchObject({ exitCode: 126 })
    })
    test('in a container that is gone is not found', async () => {
      const { results } = await perform(sleeper, [
        ['exec', ['true']],
        ['state'],
        ['start'],
        ['kill', 9],
        ['pause'],
        ['delete'],
      ])
      expect(results.map((result) => (result as { code?: string } | null)?.code)).toEqual([
        'not_found',
        undefined,
        'not_found',
        'not_found',
        'not_found',
        undefined,
      ])
    })
    test('under a monitor of its own, with a terminal that has a size', async () => {
      const script = 'while [ "$(stty size 2> /dev/null)" != "20 77" ]; do sleep 0.02; done; tty; exit 6'
      const { results, stdout } = await perform(
        sleeper,
        around(['session', ['sh', '-c', script], { rows: 20, columns: 77 }]),
      )
      expect([results[2], stdout]).toEqual([{ code: 6 }, '/dev/pts/0\r\n'])
    })
    test('under a monitor, without a terminal, short', async () => {
      const { results, stdout } = await perform(sleeper, around(['session', ['echo', 'quick']]))
      expect([results[2], stdout]).toEqual([{ code: 0 }, 'quick\n'])
    })
    test('under a monitor, dropped before it was started: it never runs', async () => {
      const { results } = await perform(sleeper, around(['session', []]))
      expect(results[2]).toBe('dropped')
    })
    test('under a monitor, of nothing', async () => {
      expect((await perform(sleeper, around(['session', ['nosuch']]))).results[2]).toMatchObject({ exitCode: 127 })
    })
  })

  describe('kill -9 of', () => {
    test('the container: all that it started goes with it', async () => {
      const { results } = await sh('sleep 1000 & setsid sleep 1001 & wait', [
        ['create'],
        ['start'],
        ['signal', 'init', 9],
        ['wait'],
        ['processes'],
        ['delete'],
      ])
      expect(results).toEqual(['created', null, true, { code: 137 }, 0, null])
    })
    test('the monitor: wait says so, and the container can still be ended and removed', async () => {
      const { results } = await perform(
        ['sleep', '1000'],
        [
          ['create'],
          ['start'],
          ['signal', 'monitor', 9],
          ['wait'],
          ['state'],
          ['removeCgroups'],
          ['ended'],
          ['delete', true],
          ['state'],
        ],
      )
      expect(results[3]).toMatchObject({ code: 'unavailable', error: "the container's monitor was killed" })
      expect(results.slice(4)).toEqual(['running', null, null, null, null])
    })
    test('the monitor and the container while created', async () => {
      const { results } = await perform(
        ['sleep', '1000'],
        [
          ['create'],
          ['signal', 'monitor', 9],
          ['signal', 'init', 9],
          ['ended'],
          ['delete', true],
          ['removeCgroups'],
          ['create'],
          ['start'],
          ['kill', 9],
          ['wait'],
          ['delete'],
        ],
      )
      expect(results.slice(3)).toEqual([null, null, null, 'created', null, null, { code: 137 }, null])
    })
  })

  test.each([1, 4, 8, 12, 18])('giving up after %d ms, anywhere in creating, leaves nothing', async (abortAfterMs) => {
    const { results } = await perform(['sleep', '1000'], [['create', { abortAfterMs }], ['delete', true], ['state']])
    expect(results.slice(1)).toEqual([null, null])
    lab.check()
  })
  test('attaching to nothing is refused', async () => {
    const { results } = await perform(['true'], [['attach']])
    expect(results[0]).toMatchObject({ code: 'failed_precondition', error: expect.stringContaining('not running') })
  })
})
