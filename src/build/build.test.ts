import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { buildLab, buildOne, lacking, needsRoot, skipReason, topLayer } from '#testkit'

const isMissing = skipReason('builds', needsRoot(), lacking('crun'))

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

  test('an unused stage is never built, however broken', async () => {
    await using lab = await buildLab()
    const outcome = await buildOne(
      lab,
      'FROM nosuch AS a\nRUN false\nFROM busybox AS b\nRUN false\nFROM busybox\nRUN true',
    )
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
    const outcome = await buildOne(
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
    expect(topLayer(outcome)).toEqual([])
  })

  test('an image of nothing but config', async () => {
    await using lab = await buildLab()
    const outcome = await buildOne(lab, 'FROM scratch\nCMD ["x"]')
    expect(outcome).toMatchObject({ layers: [], result: { steps: 0 }, config: { rootfs: { diff_ids: [] } } })
  })
})
