import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { lacking, needsRoot, skipReason } from '#testkit'
import { findRuntime } from '#runtime'
import { reapSteps } from './ops/step.ts'
import { buildLab, type BuildLab, type LabOutcome } from '#testkit'

const isMissing = skipReason('builds', needsRoot(), lacking('crun'))

/** Entries of the newest layer. */
const top = (outcome: LabOutcome | undefined): readonly string[] => outcome?.layers.at(-1) ?? []

async function one(lab: BuildLab, text: string, files: Record<string, string | Uint8Array> = {}): Promise<LabOutcome> {
  return (await lab.build({ context: lab.context(files), text }))[0]!
}

describe.skipIf(isMissing)('needs root and crun: builds', () => {
  test('stages, layers, owners; then nothing runs again, in a new process', async () => {
    await using lab = await buildLab()
    const context = lab.context({ 'a.txt': 'hello', 'd/b': 'b' })
    const text = `FROM busybox AS base
RUN echo hi > /x && echo err >&2
WORKDIR /w/v
COPY . .
FROM base
COPY --from=base --chown=user /w /copied
USER user
RUN id -u && touch /tmp/mine
CMD ["sh"]`
    const [first] = await lab.build({ context, text })
    expect(first!.error).toBeUndefined()
    expect(first!.output).toBe('err\n1000\n')
    expect(first!.layers.slice(1)).toEqual([
      ['x file 644 0:0 0 "hi\\n"'],
      ['w directory 755 0:0 0', 'w/v directory 755 0:0 0'],
      [
        'w directory 755 0:0 0',
        'w/v directory 755 0:0 0',
        'w/v/a.txt file 644 0:0 0 "hello"',
        'w/v/d directory 755 0:0 0',
        'w/v/d/b file 644 0:0 0 "b"',
      ],
      [
        'copied directory 755 1000:1000 0',
        'copied/v directory 755 1000:1000 0',
        'copied/v/a.txt file 644 1000:1000 0 "hello"',
        'copied/v/d directory 755 1000:1000 0',
        'copied/v/d/b file 644 1000:1000 0 "b"',
      ],
      ['tmp directory 1777 0:0 0', 'tmp/mine file 644 1000:1000 0 ""'],
    ])
    const [second] = await lab.build({ context, text })
    expect(second).toMatchObject({ ran: [], result: { root: first!.result!.root } })
    expect(second!.cached).toHaveLength(first!.ran.length)
    expect(lab.leftovers()).toEqual([])
  })

  test('what of a context file counts: bytes, mode, name; what does not: time, owner, place', async () => {
    await using lab = await buildLab()
    const text = 'FROM busybox\nCOPY src /s\nRUN cat /s/a'
    const context = lab.context({ 'src/a': 'one', 'src/b': 'two', other: 'x' })
    const rerun = async (): Promise<number> => (await lab.build({ context, text }))[0]!.ran.length
    expect(await rerun()).toBe(3)
    writeFileSync(join(context, 'other'), 'changed')
    utimesSync(join(context, 'src/a'), 5, 5)
    utimesSync(join(context, 'src'), 5, 5)
    chownSync(join(context, 'src/a'), 7, 7)
    expect(await rerun()).toBe(0)
    writeFileSync(join(context, 'src/a'), 'two')
    expect(await rerun()).toBeGreaterThan(0)
    writeFileSync(join(context, 'src/a'), 'one')
    expect(await rerun()).toBe(0)
    chmodSync(join(context, 'src/a'), 0o600)
    expect(await rerun()).toBeGreaterThan(0)
    renameSync(join(context, 'src/b'), join(context, 'src/c'))
    expect(await rerun()).toBeGreaterThan(0)
    const elsewhere = lab.context({ 'src/a': 'one', 'src/b': 'two' })
    expect((await lab.build({ context: elsewhere, text }))[0]!.ran).toEqual([])
  })

  test('a changed step that makes the same bytes is a hit for what follows', async () => {
    await using lab = await buildLab()
    await one(lab, 'FROM busybox AS a\nRUN echo 1 > /f\nFROM busybox\nCOPY --from=a /f /\nRUN cat /f')
    const again = await one(lab, 'FROM busybox AS a\nRUN echo 1   > /f\nFROM busybox\nCOPY --from=a /f /\nRUN cat /f')
    expect(again.ran).toEqual(['FROM busybox', '[a 2/2] RUN echo 1   > /f'])
  })

  test('without cache everything runs, and the digest is the same', async () => {
    await using lab = await buildLab()
    const text = 'FROM busybox\nRUN date > /dev/null; mkdir -p /a/b; echo x > /a/f; ln /a/f /a/g; mkfifo /p; ln -s a /l'
    const context = lab.context({})
    const [first, second] = await lab.build({ context, text }, { context, text, noCache: true })
    expect(second!.ran).toHaveLength(2)
    expect(second!.result!.root).toEqual(first!.result!.root)
    expect(top(second)).toContain('a/g hardlink 644 0:0 0 -> a/f')
  })

  test('the same source gives the same digest in another store and place, under another umask', async () => {
    const digests = new Set<string>()
    for (const round of [1, 2]) {
      await using lab = await buildLab()
      const context = lab.context({ f: 'x', 'd/g': 'y' })
      utimesSync(join(context, 'f'), round * 1e6, round * 1e6)
      const text = 'FROM busybox\nCOPY . /c\nRUN echo $(date +%N) > /dev/null; touch /t; rm /c/f\nWORKDIR /w'
      const umask = process.umask(round === 1 ? 0o022 : 0o077)
      const building = lab.build({ context, text })
      process.umask(umask)
      digests.add((await building)[0]!.result!.root.digest)
    }
    expect(digests.size).toBe(1)
  })

  test('SOURCE_DATE_EPOCH clamps; without one, times from before the step stay', async () => {
    await using lab = await buildLab()
    const text = 'FROM busybox\nCOPY f /\nRUN touch /new; touch -d @1000 /old'
    const context = lab.context({ f: '' })
    const [plain, explicit] = await lab.build(
      { context, text },
      { context, text, buildArgs: { SOURCE_DATE_EPOCH: '500' } },
    )
    const times = (outcome: LabOutcome | undefined): string[] =>
      outcome!.layers
        .slice(1)
        .flat()
        .map((line) =>
          line
            .split(' ')
            .slice(0, 5)
            .filter((_, i) => i === 0 || i === 4)
            .join(' '),
        )
    expect(times(plain)).toEqual(['f 0', 'new 0', 'old 1000'])
    expect(times(explicit)).toEqual(['f 500', 'new 500', 'old 500'])
    expect(explicit!.config!.created).toBe('1970-01-01T00:08:20Z')
    expect(explicit!.ran.length).toBeGreaterThan(1)
  })

  test('what a step removes, replaces and leaves alone', async () => {
    await using lab = await buildLab()
    const { layers } = await one(
      lab,
      `FROM busybox
RUN mkdir -p /d/e && echo 1 > /d/e/f && echo 2 > /d/g
RUN rm -r /d/e && chmod 600 /d/g
RUN true
RUN rm -rf /d && mkdir /d && touch /d/new`,
    )
    expect(layers.slice(2)).toEqual([
      ['d directory 755 0:0 0', 'd/.wh.e file 0 0:0 0 ""', 'd/g file 600 0:0 0 "2\\n"'],
      [],
      expect.arrayContaining(['d directory 755 0:0 0', 'd/.wh..wh..opq file 0 0:0 0 ""', 'd/new file 644 0:0 0 ""']),
    ])
  })

  test('mount points of the sandbox never get into a layer', async () => {
    await using lab = await buildLab()
    const outcome = await one(
      lab,
      `FROM scratch
COPY --from=busybox /bin /bin
RUN ["/bin/sh", "-c", "cat /etc/resolv.conf /proc/self/comm && ls /sys /dev > /bin/out"]
RUN ["/bin/true"]
RUN ["/bin/sh", "-c", "mkdir /etc && ln -s ../run/gone/resolv.conf /etc/resolv.conf"]
RUN ["/bin/cat", "/etc/resolv.conf"]`,
    )
    expect(outcome.error).toMatchObject({ location: { line: 5 } })
    const again = await one(
      lab,
      `FROM busybox
RUN rm -rf /proc /sys /dev; true
RUN ["/bin/true"]
COPY <<E /etc/keep
E
RUN cat /etc/resolv.conf`,
    )
    expect(again.layers[2]).toEqual([])
    expect(top(again)).toEqual([])
  })

  test('directories of layers list themselves and their parents', async () => {
    await using lab = await buildLab()
    const outcome = await one(lab, 'FROM busybox\nCOPY . /c\nRUN ls -a /c /c/d', { 'd/x': '' })
    expect(outcome.output).toBe('/c:\n.\n..\nd\n\n/c/d:\n.\n..\nx\n')
  })

  test('a step may write /etc/hostname', async () => {
    await using lab = await buildLab()
    const outcome = await one(lab, 'FROM busybox\nRUN echo box > /etc/hostname && ln /etc/hostname /h')
    expect(top(outcome).map((line) => line.split(' ')[0])).toContain('etc/hostname')
  })

  test('a dangling /etc/resolv.conf works, and nothing is made behind it', async () => {
    await using lab = await buildLab()
    const context = lab.context({})
    mkdirSync(join(context, 'etc'))
    symlinkSync('../run/systemd/resolve/stub.conf', join(context, 'etc/resolv.conf'))
    const text = 'FROM busybox\nCOPY etc /etc\nRUN cat /etc/resolv.conf'
    const [outcome] = await lab.build({ context, text })
    expect(outcome!.output).toContain('nameserver')
    expect(top(outcome)).toEqual([])
  })

  test('an unused stage is never built, however broken', async () => {
    await using lab = await buildLab()
    const outcome = await one(lab, 'FROM nosuch AS a\nRUN false\nFROM busybox AS b\nRUN false\nFROM busybox\nRUN true')
    expect(outcome.ran).toEqual(['FROM busybox', '[stage-2 2/2] RUN true'])
  })

  test('target, build arguments, labels, ignore files', async () => {
    await using lab = await buildLab()
    const context = lab.context({
      'sub/my.Dockerfile': 'ARG V=0\nFROM busybox AS one\nARG V\nCOPY . /c\nRUN echo "v=$V"\nFROM one\nRUN false',
      'sub/my.Dockerfile.dockerignore': '*\n!keep',
      '.dockerignore': 'keep',
      keep: '1',
      drop: '2',
    })
    const [outcome] = await lab.build({
      context,
      dockerfile: join(context, 'sub/my.Dockerfile'),
      target: 'ONE',
      buildArgs: { V: '7', W: '8' },
      labels: { l: '1' },
    })
    expect(outcome!.layers[1]).toEqual(['c directory 755 0:0 0', 'c/keep file 644 0:0 0 "1"'])
    expect(outcome!.output).toBe('v=7\n')
    expect(outcome!.config!.config!.Labels).toEqual({ l: '1' })
    expect(outcome!.warnings.join()).toContain('W')
  })

  test('heredocs: scripts, a shebang, files', async () => {
    await using lab = await buildLab()
    const outcome = await one(
      lab,
      `FROM busybox
ENV A=b
COPY --chmod=755 <<one <<'two' /f/
$A
one
$A
two
RUN <<E
set -e
cat /f/one /f/two
E
RUN <<E
#!/bin/sh
echo $0; cd /dev/pipes; ls
E`,
    )
    expect(outcome.output).toBe('b\n$A\n/dev/pipes/E\nE\n')
    expect(outcome.layers[1]).toEqual([
      'f directory 755 0:0 0',
      'f/one file 755 0:0 0 "b\\n"',
      'f/two file 755 0:0 0 "$A\\n"',
    ])
    expect(top(outcome)).toEqual([])
  })

  test('hard links and attributes survive COPY --from', async () => {
    await using lab = await buildLab()
    const outcome = await one(
      lab,
      `FROM busybox AS a
RUN mkdir /d && echo x > /d/a && ln /d/a /d/b && chown 5:6 /d/a && chmod 4750 /d/a && mkfifo /d/p
FROM busybox
COPY --from=a /d /e`,
    )
    expect(top(outcome)).toEqual([
      'e directory 755 0:0 0',
      'e/a file 4750 5:6 0 "x\\n"',
      'e/b hardlink 4750 5:6 0 -> e/a',
      'e/p fifo 644 0:0 0',
    ])
  })

  test('ADD unpacks what is an archive by its content', async () => {
    await using lab = await buildLab()
    const context = lab.context({ 'src/in/f': 'x', 'plain.tar': 'no archive', 'text.gz': 'no gzip' })
    chownSync(join(context, 'src/in/f'), 5, 6)
    utimesSync(join(context, 'src/in/f'), 1000, 1000)
    for (const [name, flag] of [
      ['a', ''],
      ['b', 'z'],
      ['c', 'j'],
      ['d', 'J'],
    ] as const)
      expect(spawnSync('tar', [`-c${flag}f`, join(context, name), '-C', join(context, 'src'), 'in']).status).toBe(0)
    const text =
      'FROM busybox\nADD a /A/\nADD b /B\nADD c d plain.tar text.gz /C/\nADD --chown=9:9 a /D/\nCOPY a /E/\nRUN true'
    const [outcome] = await lab.build({ context, text })
    expect(outcome!.error).toBeUndefined()
    const layers = outcome!.layers.slice(1).map((layer) => layer.filter((line) => !line.includes('directory')))
    expect(layers.slice(0, 4)).toEqual([
      ['A/in/f file 644 5:6 1000 "x"'],
      ['B/in/f file 644 5:6 1000 "x"'],
      ['C/in/f file 644 5:6 1000 "x"', 'C/plain.tar file 644 0:0 0 "no archive"', 'C/text.gz file 644 0:0 0 "no gzip"'],
      ['D/in/f file 644 9:9 1000 "x"'],
    ])
    expect(layers[4]).toHaveLength(1)
    expect(layers[4]![0]).toStartWith('E/a file 644 0:0 0')
  })

  test('a failing step says where, keeps what was done, leaves nothing', async () => {
    await using lab = await buildLab()
    const text = 'FROM busybox\nRUN echo one\nRUN echo two; \\\n  exit 3\nRUN never'
    const outcome = await one(lab, text)
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
    expect((await one(lab, text)).cached).toContain('[2/4] RUN echo one')
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
      const { error } = await one(lab, text)
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

  test('without cache for some stages: they run again, and others only where something changed', async () => {
    await using lab = await buildLab()
    const context = lab.context({})
    const text = `FROM busybox AS dep
RUN echo same > /f
FROM busybox AS other
RUN true
FROM busybox
COPY --from=dep /f /
COPY --from=other /etc/passwd /
RUN cat /f`
    await lab.build({ context, text })
    const [again] = await lab.build({ context, text, noCacheFilter: ['DEP', 'nobody'] })
    expect(again!.ran).toEqual(['FROM busybox', '[dep 2/2] RUN echo same > /f'])
    expect(again!.warnings.join()).toContain('no stage is called nobody')
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

  test('a context that changes while it is read never makes a wrong record', async () => {
    await using lab = await buildLab()
    const context = lab.context({ f: 'one' })
    const text = 'FROM busybox\nCOPY f /'
    const [first, second] = await lab.build({ context, text }, { context, text })
    expect(second!.result!.root).toEqual(first!.result!.root)
    writeFileSync(join(context, 'f'), 'two')
    const [third] = await lab.build({ context, text })
    expect(top(third)).toEqual(['f file 644 0:0 0 "two"'])
  })

  test('two builds of the same thing at once', async () => {
    await using lab = await buildLab()
    await one(lab, 'FROM busybox')
    const context = lab.context({ f: 'x' })
    const text = 'FROM busybox\nCOPY f /\nRUN cat /f > /g\nRUN cat /g > /h'
    const outcomes = await Promise.all([lab.build({ context, text }), lab.build({ context, text })])
    const roots = outcomes.map(([outcome]) => outcome!.result?.root.digest)
    expect(roots[0]).toBeDefined()
    expect(roots[1]).toBe(roots[0])
    expect(readdirSync(join(lab.dir, 'work'))).toEqual([])
  })

  test('an image of nothing but config', async () => {
    await using lab = await buildLab()
    const outcome = await one(lab, 'FROM scratch\nCMD ["x"]')
    expect(outcome).toMatchObject({ layers: [], result: { steps: 0 }, config: { rootfs: { diff_ids: [] } } })
  })
})
