import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openNode } from '#engine'
import { cairnNode, lacking, needsRoot, skipReason, tempDir } from '#testkit'

const skip = skipReason('concurrency', needsRoot(), lacking('crun', 'conmon'))

describe.skipIf(skip)('many processes share a store', () => {
  test('two builds, two loads, runs and prunes at once', async () => {
    await using node = await cairnNode()
    using dir = tempDir()
    const context = join(dir.path, 'context')
    mkdirSync(context)
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN echo shared > /shared\nARG N\nRUN echo $N > /n\n')
    await node.must(['build', '--network', 'none', '--build-arg', 'N=0', '-t', 'seed', context])
    const archive = join(dir.path, 'seed.tar')
    await node.must(['save', '-o', archive, 'seed'])
    await node.must(['rmi', 'seed'])

    const work = [
      ['build', '--network', 'none', '--build-arg', 'N=1', '-t', 'built:1', context],
      ['build', '--network', 'none', '--build-arg', 'N=2', '-t', 'built:2', context],
      ['build', '--network', 'none', '--build-arg', 'N=1', '-t', 'built:same', context],
      ['load', '-i', archive],
      ['load', '-i', archive],
      ['system', 'prune', '-f'],
      ['run', '--rm', '--network', 'none', 'busybox', 'true'],
      ['image', 'prune', '-f'],
      ['builder', 'prune', '-f'],
      ['run', '--rm', '--network', 'none', 'busybox', 'true'],
    ]
    for (let round = 0; round < 2; round++) {
      const outcomes = await Promise.all(work.map((args) => node.cairn(args)))
      for (const [i, { code, stderr }] of outcomes.entries())
        expect({ args: work[i], code, stderr: code === 0 ? '' : stderr }).toEqual({
          args: work[i],
          code: 0,
          stderr: '',
        })
    }
    for (const [image, n] of [
      ['built:1', '1'],
      ['built:2', '2'],
      ['built:same', '1'],
      ['seed', '0'],
    ]) {
      expect(await node.must(['run', '--rm', '--network', 'none', image!, 'cat', '/shared', '/n'])).toBe(
        `shared\n${n}\n`,
      )
    }
    expect(await node.must(['inspect', '--format', '{{.Id}}', 'built:1'])).toBe(
      await node.must(['inspect', '--format', '{{.Id}}', 'built:same']),
    )
    expect(node.leftovers()).toEqual([])
  }, 240_000)

  test('prune leaves what is started or removed while it looks', async () => {
    await using node = await cairnNode()
    for (const name of ['started', 'gone', 'stopped'])
      await node.must(['create', '--name', name, '--network', 'none', 'busybox', 'sleep', '1000'])
    await using library = openNode({ root: node.root, run: node.runDir })
    const meanwhile: Readonly<Record<string, readonly string[]>> = { started: ['start'], gone: ['rm'] }
    const { removed } = await library.containers.prune(({ name }) => {
      const verb = meanwhile[name]
      if (verb) Bun.spawnSync(node.argv([...verb, name]))
      return true
    })
    expect(removed).toHaveLength(1)
    expect(await node.must(['ps', '-a', '--format', '{{.Names}} {{.State}}'])).toBe('started running\n')
    await node.must(['rm', '-f', 'started'])
    expect(node.leftovers()).toEqual([])
  }, 30_000)

  test('a name is given once, whoever asks at the same time', async () => {
    await using node = await cairnNode()
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => node.cairn(['create', '--name', 'only', '--network', 'none', 'busybox', 'true'])),
    )
    expect(outcomes.filter(({ code }) => code === 0).length).toBe(1)
    for (const { code, stderr } of outcomes.filter((o) => o.code !== 0)) {
      expect(code).toBe(125)
      expect(stderr).toContain('only')
    }
  }, 60_000)
})
