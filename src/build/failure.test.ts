import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { findRuntime } from '#runtime'
import { buildLab, buildOne, type LabOutcome, lacking, needsRoot, skipReason } from '#testkit'
import { reapSteps } from './ops/step.ts'

const isMissing = skipReason('builds', needsRoot(), lacking('crun'))

describe.skipIf(isMissing)('needs root and crun: builds that stop', () => {
  test('a failing step says where, keeps what was done, leaves nothing', async () => {
    await using lab = await buildLab()
    const text = 'FROM busybox\nRUN echo one\nRUN echo two; \\\n  exit 3\nRUN never'
    const outcome = await buildOne(lab, text)
    expect(outcome.error).toEqual({
      code: 'failed_precondition',
      message: 'process "/bin/sh -c echo two;   exit 3" did not complete successfully: exit code: 3',
      location: {
        file: 'Dockerfile',
        line: 3,
        endLine: 4,
        excerpt: 'RUN echo two; \\\n  exit 3',
        around: { before: ['RUN echo one'], after: ['RUN never'] },
      },
    })
    expect(outcome.output).toBe('one\ntwo\n')
    expect(lab.leftovers()).toEqual([])
    expect((await buildOne(lab, text)).cached).toContain('[2/4] RUN echo one')
  })

  for (const [name, text, line, message] of [
    ['a command that is not there', 'FROM busybox\nRUN ["/nope"]', 2, 'nope'],
    ['a user that is not there', 'FROM busybox\nUSER ghost\nRUN true', 3, 'ghost'],
    ['an owner without a database', 'FROM scratch\nCOPY --chown=ghost . /', 2, 'no user "ghost"'],
    ['a source that is not there', 'FROM busybox\nRUN true\nCOPY nope /', 3, '"nope" is not in the build context'],
    [
      'a source missing in a stage',
      'FROM busybox AS a\nFROM busybox\nCOPY --from=a /nope /',
      3,
      '"/nope" is not in the image',
    ],
    ['a base that is not there', 'FROM ghost', 1, 'no image ghost'],
  ] as const)
    test(`${name}: refused at its line`, async () => {
      await using lab = await buildLab()
      const { error } = await buildOne(lab, text)
      expect(error?.location?.line).toBe(line)
      expect(error?.message).toContain(message)
      expect(lab.leftovers()).toEqual([])
    })

  test('a missing Dockerfile, a missing context, a malformed ignore file', async () => {
    await using lab = await buildLab()
    const empty = lab.context({})
    const bad = lab.context({ '.dockerignore': '# x\n\n!ok\na[\n' })
    const outcomes = await lab.build(
      { context: empty },
      { context: join(empty, 'nope'), text: 'FROM busybox' },
      { context: bad, text: 'FROM busybox' },
    )
    expect(outcomes.map((outcome) => outcome.error?.code)).toEqual(['not_found', 'not_found', 'invalid_argument'])
    expect(outcomes[2]!.error?.location).toMatchObject({ line: 4, excerpt: 'a[' })
  })

  test('what is done with a failed step: a command in its file system, with its environment and mounts', async () => {
    await using lab = await buildLab()
    const text = `FROM busybox
WORKDIR /w
ENV A=b
RUN --mount=type=tmpfs,target=/t echo half > done && echo x > /t/f && false`
    const [outcome, ill] = await lab.build(
      { context: lab.context({}), text, onError: { command: 'pwd; echo $A; cat done /t/f; exit 7' } },
      { context: lab.context({}), text: 'FROM scratch\nRUN ["/nope"]', onError: { command: 'true' } },
    )
    expect(outcome!.output).toBe('/w\nb\nhalf\nx\n')
    expect(outcome!.error?.message).toContain('exit code: 1')
    expect(ill!.error?.message).toContain('/nope')
    expect(lab.leftovers()).toEqual([])
  })

  test('stopping at a step: the image is what is there then', async () => {
    await using lab = await buildLab()
    const context = lab.context({})
    const text = `FROM busybox AS one
RUN echo 1 > /a
ENV A=1
RUN echo 2 > /b
ENV B=2
FROM one
RUN false`
    const steps = (targetStep: number, target = 'one'): Promise<LabOutcome[]> =>
      lab.build({ context, text, target, targetStep })
    const [base] = await steps(1)
    expect(base).toMatchObject({ layers: { length: 1 }, ran: ['FROM busybox'] })
    const [two] = await steps(2)
    expect(two!.layers).toHaveLength(2)
    expect(two!.config!.config!.Env?.join()).not.toContain('A=1')
    const [three] = await steps(3)
    expect(three).toMatchObject({ layers: { length: 3 }, cached: { length: 2 } })
    expect(three!.config!.config!.Env).toContain('A=1')
    expect(three!.config!.config!.Env).not.toContain('B=2')
    expect((await steps(4))[0]!.error).toMatchObject({ code: 'not_found', hint: 'its steps are 1 to 3' })
  })

  test('cancelling in a step leaves nothing', async () => {
    await using lab = await buildLab()
    const context = lab.context({})
    const text =
      'FROM busybox AS a\nRUN sleep 100\nFROM busybox AS b\nRUN sleep 101\nFROM busybox\nCOPY --from=a / /\nCOPY --from=b / /'
    const [outcome] = await lab.build({ context, text, cancelAfter: 3 })
    expect(outcome!.error?.code).toBe('canceled')
    expect(outcome!.milliseconds).toBeLessThan(20_000)
    expect(lab.leftovers()).toEqual([])
  })

  test('a killed build: the next one works, and what it left can be reaped', async () => {
    await using lab = await buildLab()
    const context = lab.context({})
    const text = 'FROM busybox\nRUN echo 1 > /f\nRUN sleep 1000'
    await lab.kill({ context, text }, 2)
    expect(lab.leftovers()).not.toEqual([])
    const [outcome] = await lab.build({ context, text: 'FROM busybox\nRUN echo 1 > /f\nRUN cat /f' })
    expect(outcome!.cached).toContain('[2/3] RUN echo 1 > /f')
    await reapSteps(join(lab.dir, 'work'), () => findRuntime(undefined, { run: join(lab.dir, 'run') }))
    expect(lab.leftovers()).toEqual([])
  })
})
