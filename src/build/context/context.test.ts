import { describe, expect, test } from 'bun:test'
import { chownSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { streamOf } from '#base'
import { openLayout } from '#content'
import { composeImage } from '#image'
import { hostPlatform, describe as descriptorOf, MediaType } from '#oci'
import { buildLab, lacking, must, needsRoot, run, skipReason, tarOf } from '#testkit'
import { readMainContext, readNamedContext } from './reference.ts'

const isMissing = skipReason('contexts', needsRoot(), lacking('crun'))

describe.skipIf(isMissing)('needs root and crun: contexts', () => {
  test('standard input: archives of every kind, or a Dockerfile', async () => {
    await using lab = await buildLab()
    const from = lab.context({ Dockerfile: 'FROM busybox\nCOPY . /c\nRUN test ! -e /c/no', 'd/f': 'x' })
    chownSync(join(from, 'd/f'), 5, 6)
    const streams: string[] = []
    for (const flag of ['', '-z', '-j', '-J', '--zstd']) {
      const path = join(lab.dir, `stream${flag}`)
      utimesSync(join(from, 'd/f'), 1000 + streams.length, 1000)
      await must(['tar', '-c', ...(flag === '' ? [] : [flag]), '-f', path, '-C', from, '.'])
      streams.push(path)
    }
    const outcomes = await lab.build(...streams.map((stream) => ({ context: '-', stream })))
    for (const outcome of outcomes) {
      expect(outcome.error).toBeUndefined()
      expect(outcome.layers[1]).toContain('c/d/f file 644 5:6 0 "x"')
    }
    expect(new Set(outcomes.map((outcome) => outcome.result!.root.digest)).size).toBe(1)
    writeFileSync(join(lab.dir, 'lone'), 'FROM busybox\nCOPY . /c\nRUN ls -A /c; test -d /c')
    writeFileSync(join(lab.dir, 'file'), 'FROM busybox\nCOPY f /c')
    writeFileSync(join(lab.dir, 'empty'), '')
    const stream = join(lab.dir, 'lone')
    const [lone, file, empty, two] = await lab.build(
      { context: '-', stream },
      { context: '-', stream: join(lab.dir, 'file') },
      { context: '-', stream: join(lab.dir, 'empty') },
      { context: '-', stream, dockerfile: 'Dockerfile' },
    )
    expect(lone).toMatchObject({ output: '', result: { steps: 3 } })
    expect(file!.error?.message).toBe('"f" is not in the build context')
    expect(empty!.error?.message).toContain('is empty')
    expect(two!.error?.message).toContain('-f names another one')
  })

  test('named directories: for stages, images, COPY --from and mounts, less what they ignore', async () => {
    await using lab = await buildLab()
    const named = lab.context({ f: 'named', no: '1', '.dockerignore': 'no' })
    const context = lab.context({ f: 'main' })
    const text = `FROM busybox:latest AS base
RUN false
FROM base AS other
FROM busybox AS mounted
RUN --mount=from=files,target=/m cat /m/f; ls /m
FROM scratch
COPY --from=files . /a
COPY --from=base . /b
COPY --from=other f /c
COPY f /d
COPY --from=mounted /etc/passwd /e`
    const build = { context, text, contexts: { files: named, base: named } }
    const [outcome] = await lab.build(build)
    expect(outcome!.error).toBeUndefined()
    expect(outcome!.output).toBe('namedf\n')
    const files = outcome!.layers.flat().filter((line) => line.includes(' file '))
    expect(files.slice(0, -1)).toEqual([
      'a/.dockerignore file 644 0:0 0 "no"',
      'a/f file 644 0:0 0 "named"',
      'b/.dockerignore file 644 0:0 0 "no"',
      'b/f file 644 0:0 0 "named"',
      'c file 644 0:0 0 "named"',
      'd file 644 0:0 0 "main"',
    ])
    renameSync(named, join(lab.dir, 'moved'))
    utimesSync(join(lab.dir, 'moved/f'), 77, 77)
    const moved = join(lab.dir, 'moved')
    expect((await lab.build({ ...build, contexts: { files: moved, base: moved } }))[0]!.ran).toEqual([])
    writeFileSync(join(moved, 'f'), 'other')
    expect((await lab.build({ ...build, contexts: { files: moved, base: moved } }))[0]!.layers.flat()).toContain(
      'c file 644 0:0 0 "other"',
    )
  })

  test('images: layouts by tag and digest, names that stand for others, per platform', async () => {
    await using lab = await buildLab()
    const directory = join(lab.dir, 'layout')
    const layout = openLayout(directory, { create: true })
    const bytes = tarOf({ path: 'from-layout', data: 'x' })
    const layer = await descriptorOf(MediaType.ociLayer, bytes)
    await layout.put(layer.descriptor, streamOf(bytes))
    const platform = hostPlatform()
    const config = { Env: ['WHO=layout'], OnBuild: ['ENV TRIGGERED=1'] }
    const image = await composeImage({
      platform,
      config,
      layers: [{ descriptor: layer.descriptor, diffId: layer.descriptor.digest }],
    })
    for (const part of [image.config, image.manifest]) await layout.put(part.descriptor, streamOf(part.bytes))
    await layout.tag(image.manifest.descriptor, 'v1')
    const { digest } = image.manifest.descriptor
    const text = 'FROM alpine:3 AS a\nENV W=$WHO\nFROM scratch\nCOPY --from=a / /\nCOPY --from=other /bin/busybox /b'
    for (const where of [`oci-layout://${directory}:v1`, `oci-layout://${directory}@${digest}`]) {
      const contexts = {
        'docker.io/library/alpine:3': where,
        [`other::${platform.os}/${platform.architecture}`]: 'docker-image://busybox',
      }
      const [outcome, stage] = await lab.build(
        { context: lab.context({}), text, contexts },
        { context: lab.context({}), text, contexts, target: 'a' },
      )
      expect(outcome!.error).toBeUndefined()
      expect(outcome!.layers[0]!.map((line) => line.split(' ')[0])).toEqual(['from-layout'])
      expect(stage!.config!.config!.Env).toEqual(expect.arrayContaining(['WHO=layout', 'TRIGGERED=1', 'W=layout']))
    }
    const [missing, scratch] = await lab.build(
      { context: lab.context({}), text, contexts: { 'alpine:3': `oci-layout://${directory}:v2` } },
      { context: lab.context({ f: '' }), text: 'FROM base\nCOPY f /', contexts: { base: 'docker-image://scratch' } },
    )
    expect(missing!.error).toMatchObject({ code: 'not_found', location: { line: 1 } })
    expect(scratch!.layers).toEqual([['f file 644 0:0 0 ""']])
  })

  test('--link: the same layer whatever is below, and a new base costs nothing', async () => {
    await using lab = await buildLab()
    const context = lab.context({ f: 'x' })
    const linked = (base: string): string => `FROM busybox AS b\n${base}\nFROM b\nCOPY --link f /l/s/\nRUN cat /l/s/f`
    const [first, second] = await lab.build(
      { context, text: linked('RUN mkdir -m 700 /l') },
      { context, text: linked('RUN ln -s /etc /l') },
    )
    expect(first!.layers[2]).toEqual(['l directory 755 0:0 0', 'l/s directory 755 0:0 0', 'l/s/f file 644 0:0 0 "x"'])
    expect(second!.layers[2]).toEqual(first!.layers[2]!)
    expect(second!.cached.join()).toContain('COPY --link')
    expect(second!.output).toBe('x')
    const [again, named] = await lab.build(
      { context, text: linked('RUN mkdir -m 700 /l') },
      { context, text: 'FROM busybox\nCOPY --link --chown=user f /' },
    )
    expect(again!.ran).toEqual([])
    expect(named!.error?.message).toContain('no user "user"')
  })

  test('no context, a wrong one', async () => {
    await using lab = await buildLab()
    const context = lab.context({ Dockerfile: 'FROM busybox' })
    for (const [contexts, message] of [
      [{ a: '/nowhere' }, 'is no directory: /nowhere'],
      [{ a: 'target:x' }, 'only a bake file can name'],
    ] as const)
      expect((await lab.build({ context, contexts }))[0]!.error?.message).toContain(message)
    expect((await run(['true'])).code).toBe(0)
  })
})

test('what a context is', () => {
  expect(readMainContext('/')).toEqual({ kind: 'directory', path: '/' })
  expect(readMainContext('https://h/r.git#b')).toMatchObject({ kind: 'git', source: { ref: 'b' } })
  expect(readMainContext('github.com/o/r')).toMatchObject({
    kind: 'git',
    source: { remote: 'https://github.com/o/r.git' },
  })
  expect(readMainContext('https://h/r.tgz')).toEqual({ kind: 'http', url: 'https://h/r.tgz' })
  expect(readNamedContext('n', 'docker-image://a:b')).toEqual({ kind: 'image', ref: 'a:b' })
  const digest = `sha256:${'a'.repeat(64)}`
  for (const [text, directory, ref] of [
    ['/a/b', '/a/b', 'latest'],
    ['/a:5/b', '/a:5/b', 'latest'],
    ['a:t', 'a', 't'],
    [`a@${digest}`, 'a', digest],
    [`a:t@${digest}`, 'a', digest],
  ] as const)
    expect(readNamedContext('n', `oci-layout://${text}`)).toEqual({ kind: 'layout', directory, ref })
})
