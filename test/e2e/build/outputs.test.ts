import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostPlatform } from '#oci'
import {
  cairnNode,
  lacking,
  must,
  needsRoot,
  setUp,
  skipReason,
  startDockerRegistry,
  tempDir,
  type DockerRegistry,
  type TempDir,
  type TestNode,
} from '#testkit'

const skip = skipReason('outputs of a build', needsRoot(), lacking('crun', 'skopeo', 'docker-registry'))

let node: TestNode
let dir: TempDir
let registry: DockerRegistry
let context: string
let host: string

setUp(skip, async (use) => {
  dir = use(tempDir())
  registry = use(await startDockerRegistry())
  host = registry.host
  node = use(await cairnNode({ env: { HOME: dir.path } }))
  context = join(dir.path, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'data'), 'data '.repeat(5000))
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM busybox AS full
COPY --chown=7:8 --chmod=640 data /data
RUN ln -s data /link && mkdir -p /deep/in && chmod 700 /deep/in && echo x > /deep/x
FROM scratch AS small
COPY --from=full /data /link /
COPY --from=full /deep /deep
`,
  )
})

const build = (...args: string[]): Promise<string> => node.must(['build', '-q', '--network=none', ...args, context])
const at = (name: string): string => join(dir.path, name)

interface Document {
  readonly mediaType: string
  readonly annotations?: Record<string, string>
  readonly layers: { readonly mediaType: string }[]
  readonly manifests: {
    readonly digest: string
    readonly annotations?: Record<string, string>
    readonly platform?: { readonly architecture: string }
  }[]
}
const raw = async (source: string, ...more: string[]): Promise<Document> =>
  JSON.parse(await must(['skopeo', 'inspect', '--raw', '--tls-verify=false', ...more, source])) as Document
const digestIn = (source: string): Promise<string> =>
  must(['skopeo', 'inspect', '--tls-verify=false', '--format', '{{.Digest}}', source])
const metadata = (path: string): Record<string, string> =>
  JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>

describe.skipIf(skip)('outputs', () => {
  test('what is pushed by the build, by push and by an archive is one image', async () => {
    const names = ['-t', `${host}/a/app:1`, '-t', `${host}/b/app:2`]
    const id = await build(...names, '--push', `--output=type=oci,dest=${at('app.tar')}`, `--metadata-file=${at('m')}`)
    const digest = await digestIn(`docker://${host}/a/app:1`)
    expect(await digestIn(`docker://${host}/b/app:2`)).toBe(digest)
    expect(await digestIn(`oci-archive:${at('app.tar')}:1`)).toBe(digest)
    expect(metadata(at('m'))).toMatchObject({
      'containerimage.digest': digest.trim(),
      'containerimage.config.digest': id.trim(),
      'image.name': `${host}/a/app:1,${host}/b/app:2`,
    })
    await node.must(['tag', `${host}/a/app:1`, `${host}/c/app:3`])
    await node.must(['push', `${host}/c/app:3`])
    expect(await digestIn(`docker://${host}/c/app:3`)).toBe(digest)
    const { layers } = await raw(`docker://${host}/a/app:1`)
    expect(layers.every(({ mediaType }) => mediaType.endsWith('tar+gzip'))).toBe(true)
  })

  test('another machine, another place, another umask: the same bytes', async () => {
    await using other = await cairnNode()
    const elsewhere = join(dir.path, 'else where')
    await must(['cp', '-r', context, elsewhere])
    await must(['sh', '-c', `find '${elsewhere}' -exec touch -d '2001-02-03' {} +`])
    const args = (tar: string): string[] => [
      '-t',
      'same',
      '--provenance=mode=max',
      '--sbom=true',
      `-o=type=oci,dest=${tar}`,
    ]
    await build(...args(at('one.tar')))
    const again = other.argv(['build', '-q', '--network=none', ...args(at('two.tar')), elsewhere])
    await must(['sh', '-c', 'umask 077; exec "$@"', 'sh', ...again])
    await must(['cmp', at('one.tar'), at('two.tar')])
  })

  test('several outputs at once: a directory, a tar, a layout, nothing here', async () => {
    const before = await node.must(['images', '-aq'])
    await build(
      '--target=small',
      `-o${at('files')}`,
      `--output=type=tar,dest=${at('files.tar')}`,
      `--output=type=oci,tar=false,name=small:v1,compression=zstd,compression-level=5,dest=${at('layout')}`,
    )
    expect(await node.must(['images', '-aq'])).toBe(before)
    expect(readFileSync(at('files/link'), 'utf8')).toBe('data '.repeat(5000))
    expect(statSync(at('files/deep/in')).mode & 0o777).toBe(0o700)
    expect(statSync(at('files/data'))).toMatchObject({ uid: 0, gid: 0 })
    const listed = await must(['tar', '--numeric-owner', '-tvf', at('files.tar')])
    expect(listed).toMatch(/-rw-r----- 7\/8 +25000 1970-01-01 00:00 data/)
    const manifest = await raw(`oci:${at('layout')}:v1`)
    expect(manifest.layers.every(({ mediaType }) => mediaType.endsWith('tar+zstd'))).toBe(true)
  })

  test('a directory keeps what it had, or not', async () => {
    mkdirSync(at('kept/deep'), { recursive: true })
    for (const name of ['other', 'deep/other']) writeFileSync(at(`kept/${name}`), '')
    await build('--target=small', `-o=type=local,dest=${at('kept')}`)
    expect(existsSync(at('kept/deep/other'))).toBe(true)
    await build('--target=small', `-o=type=local,mode=delete,dest=${at('kept')}`)
    expect(['other', 'deep/other', 'deep/x', 'data'].map((name) => existsSync(at(`kept/${name}`)))).toEqual([
      false,
      false,
      true,
      true,
    ])
  })

  test('standard output takes a tar', async () => {
    const tar = await must([
      'sh',
      '-c',
      `${node.argv(['build', '-q', '--target=small', '-o-', context]).join(' ')} | tar -t`,
    ])
    expect(tar.split('\n').toSorted()).toContain('deep/x')
  })

  test('a pipe or a device is written to, not replaced by a file', async () => {
    await must(['mkfifo', at('pipe')])
    const reading = must(['sh', '-c', `tar -t < ${at('pipe')}`])
    await build('--target=small', `-o=type=tar,dest=${at('pipe')}`)
    expect(await reading).toContain('deep/x')
    expect(statSync(at('pipe')).isFIFO()).toBe(true)
  })

  test('annotations stand where they were wanted', async () => {
    const own = hostPlatform().architecture
    const platforms = `--platform=linux/${own},linux/s390x`
    const annotations = [
      'note=all',
      'index:where=index',
      `manifest-descriptor[linux/${own}]:d=1`,
      'manifest[linux/s390x]:z=1',
    ]
    const from = join(dir.path, 'plain')
    mkdirSync(from)
    writeFileSync(join(from, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n')
    const args = [platforms, ...annotations.map((text) => `--annotation=${text}`), '-t', `${host}/noted:1`, '--push']
    await node.must(['build', '-q', ...args, from])
    const index = await raw(`docker://${host}/noted:1`)
    expect(index.annotations).toEqual({ where: 'index' })
    expect(index.manifests.map((entry) => entry.annotations)).toEqual([{ d: '1' }, undefined as never])
    const [first, second] = await Promise.all(
      index.manifests.map(({ digest }) => raw(`docker://${host}/noted@${digest}`)),
    )
    expect(first!.annotations).toEqual({ note: 'all' })
    expect(second!.annotations).toEqual({ note: 'all', z: '1' })
    const refused = await node.cairn(['build', '--annotation=index:a=b', from])
    expect(refused.stderr).toContain('has no index to go into')
  })

  test("Docker's media types, an archive for docker, and digests without tags", async () => {
    await build('-t', `${host}/docker:1`, '--output=type=registry,oci-mediatypes=false')
    const manifest = await raw(`docker://${host}/docker:1`)
    expect(manifest.mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json')
    expect(manifest.layers.every(({ mediaType }) => mediaType.endsWith('.tar.gzip'))).toBe(true)
    await build('-t', 'docker:2', `--output=type=docker,dest=${at('docker.tar')}`)
    expect(await must(['skopeo', 'inspect', `docker-archive:${at('docker.tar')}`])).toContain('"Architecture"')
    const byDigest = `--output=type=image,name=${host}/bare,push=true,push-by-digest=true`
    await build(byDigest, `--metadata-file=${at('bare')}`)
    const digest = metadata(at('bare'))['containerimage.digest']!
    expect((await raw(`docker://${host}/bare@${digest}`)).layers).toHaveLength(2)
    expect(
      await must(['sh', '-c', `skopeo list-tags --tls-verify=false docker://${host}/bare 2>&1 || true`]),
    ).not.toContain('latest')
  })

  test('--squash: one layer over the base, the same files, the same digest again', async () => {
    const from = join(dir.path, 'layered')
    mkdirSync(from)
    writeFileSync(
      join(from, 'Dockerfile'),
      `FROM busybox AS base
RUN mkdir /kept /gone && echo 1 > /kept/old && echo 2 > /gone/file
FROM base
RUN head -c 400000 /dev/zero > /big && rm -r /gone /etc/group
RUN rm /big && rm -r /kept && mkdir /kept && echo new > /kept/new && mkdir /gone
COPY --link Dockerfile /kept/
RUN ln /kept/new /hard && ln -s hard /soft && touch /tmp/x
`,
    )
    const listing = async (name: string, ...args: string[]): Promise<string> => {
      await node.must([
        'build',
        '-q',
        '--network=none',
        ...args,
        '-t',
        name,
        `-o=type=tar,dest=${at('s.tar')}`,
        '-o=type=image',
        from,
      ])
      return must(['sh', '-c', `tar --numeric-owner -tvf ${at('s.tar')} | sort`])
    }
    expect(await listing('squashed', '--squash')).toBe(await listing('whole'))
    const inspect = (name: string, format: string): Promise<string> => node.must(['inspect', '-f', format, name])
    const layers = JSON.parse(await inspect('squashed', '{{json .RootFS.Layers}}')) as string[]
    expect(layers).toHaveLength(2)
    const digest = await inspect('squashed', '{{.Descriptor.digest}}')
    await listing('again', '--squash', '--no-cache')
    expect(await inspect('again', '{{.Descriptor.digest}}')).toBe(digest)
    expect((await node.must(['history', '-q', 'squashed'])).trim().split('\n').length).toBeGreaterThan(4)
  })

  test('wishes that cannot be are refused by name', async () => {
    for (const [output, message] of [
      ['type=oci,dest=x,color=red', 'knows no option "color"'],
      ['type=image,compression=estargz', 'expected gzip, zstd, uncompressed'],
      ['type=registry', 'needs a name'],
      ['type=image,rewrite-timestamp=false', 'not supported'],
      ['type=local', 'needs dest='],
    ] as const) {
      const refused = await node.cairn(['build', '-q', `--output=${output}`, context])
      expect({ output, code: refused.code, said: refused.stderr.includes(message) }).toEqual({
        output,
        code: 1,
        said: true,
      })
    }
  })
})
