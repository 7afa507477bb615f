import { describe, expect, test } from 'bun:test'
import { chmodSync, chownSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildLab, buildOne, lacking, needsRoot, skipReason, topLayer } from '#testkit'

const isMissing = skipReason('builds', needsRoot(), lacking('crun'))

describe.skipIf(isMissing)('needs root and crun: what is built again, and what is not', () => {
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
    await buildOne(lab, 'FROM busybox AS a\nRUN echo 1 > /f\nFROM busybox\nCOPY --from=a /f /\nRUN cat /f')
    const again = await buildOne(
      lab,
      'FROM busybox AS a\nRUN echo 1   > /f\nFROM busybox\nCOPY --from=a /f /\nRUN cat /f',
    )
    expect(again.ran).toEqual(['FROM busybox', '[a 2/2] RUN echo 1   > /f'])
  })

  test('without cache everything runs, and the digest is the same', async () => {
    await using lab = await buildLab()
    const text = 'FROM busybox\nRUN date > /dev/null; mkdir -p /a/b; echo x > /a/f; ln /a/f /a/g; mkfifo /p; ln -s a /l'
    const context = lab.context({})
    const [first, second] = await lab.build({ context, text }, { context, text, noCache: true })
    expect(second!.ran).toHaveLength(2)
    expect(second!.result!.root).toEqual(first!.result!.root)
    expect(topLayer(second)).toContain('a/g hardlink 644 0:0 0 -> a/f')
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

  test('a context that changes while it is read never makes a wrong record', async () => {
    await using lab = await buildLab()
    const context = lab.context({ f: 'one' })
    const text = 'FROM busybox\nCOPY f /'
    const [first, second] = await lab.build({ context, text }, { context, text })
    expect(second!.result!.root).toEqual(first!.result!.root)
    writeFileSync(join(context, 'f'), 'two')
    const [third] = await lab.build({ context, text })
    expect(topLayer(third)).toEqual(['f file 644 0:0 0 "two"'])
  })

  test('two builds of the same thing at once', async () => {
    await using lab = await buildLab()
    await buildOne(lab, 'FROM busybox')
    const context = lab.context({ f: 'x' })
    const text = 'FROM busybox\nCOPY f /\nRUN cat /f > /g\nRUN cat /g > /h'
    const outcomes = await Promise.all([lab.build({ context, text }), lab.build({ context, text })])
    const roots = outcomes.map(([outcome]) => outcome!.result?.root.digest)
    expect(roots[0]).toBeDefined()
    expect(roots[1]).toBe(roots[0])
    expect(readdirSync(join(lab.dir, 'work'))).toEqual([])
  })
})
