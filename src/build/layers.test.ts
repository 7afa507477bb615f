import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { buildLab, buildOne, type LabOutcome, lacking, needsRoot, skipReason, topLayer } from '#testkit'

const isMissing = skipReason('builds', needsRoot(), lacking('crun'))

describe.skipIf(isMissing)('needs root and crun: what is in a layer', () => {
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
    const { layers } = await buildOne(
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
    const outcome = await buildOne(
      lab,
      `FROM scratch
COPY --from=busybox /bin /bin
RUN ["/bin/sh", "-c", "cat /etc/resolv.conf /proc/self/comm && ls /sys /dev > /bin/out"]
RUN ["/bin/true"]
RUN ["/bin/sh", "-c", "mkdir /etc && ln -s ../run/gone/resolv.conf /etc/resolv.conf"]
RUN ["/bin/cat", "/etc/resolv.conf"]`,
    )
    expect(outcome.error).toMatchObject({ location: { line: 5 } })
    const again = await buildOne(
      lab,
      `FROM busybox
RUN rm -rf /proc /sys /dev; true
RUN ["/bin/true"]
COPY <<E /etc/keep
E
RUN cat /etc/resolv.conf`,
    )
    expect(again.layers[2]).toEqual([])
    expect(topLayer(again)).toEqual([])
  })

  test('directories of layers list themselves and their parents', async () => {
    await using lab = await buildLab()
    const outcome = await buildOne(lab, 'FROM busybox\nCOPY . /c\nRUN ls -a /c /c/d', { 'd/x': '' })
    expect(outcome.output).toBe('/c:\n.\n..\nd\n\n/c/d:\n.\n..\nx\n')
  })

  test('a step may write /etc/hostname', async () => {
    await using lab = await buildLab()
    const outcome = await buildOne(lab, 'FROM busybox\nRUN echo box > /etc/hostname && ln /etc/hostname /h')
    expect(topLayer(outcome).map((line) => line.split(' ')[0])).toContain('etc/hostname')
  })

  test('a dangling /etc/resolv.conf works, and nothing is made behind it', async () => {
    await using lab = await buildLab()
    const context = lab.context({})
    mkdirSync(join(context, 'etc'))
    symlinkSync('../run/systemd/resolve/stub.conf', join(context, 'etc/resolv.conf'))
    const text = 'FROM busybox\nCOPY etc /etc\nRUN cat /etc/resolv.conf'
    const [outcome] = await lab.build({ context, text })
    expect(outcome!.output).toContain('nameserver')
    expect(topLayer(outcome)).toEqual([])
  })

  test('hard links and attributes survive COPY --from', async () => {
    await using lab = await buildLab()
    const outcome = await buildOne(
      lab,
      `FROM busybox AS a
RUN mkdir /d && echo x > /d/a && ln /d/a /d/b && chown 5:6 /d/a && chmod 4750 /d/a && mkfifo /d/p
FROM busybox
COPY --from=a /d /e`,
    )
    expect(topLayer(outcome)).toEqual([
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
})
