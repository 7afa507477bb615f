import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLayout } from '#content'
import { type Descriptor } from '#oci'
import {
  cairnNode,
  goTools,
  must,
  needsRoot,
  sampleIndex,
  setUp,
  skipReason,
  tempDir,
  type TempDir,
  type TestNode,
} from '#testkit'
import { startRegistry, type TestRegistry } from '../registry/server.ts'

// crane, oras and regctl at our registry and at our layouts, we at what they wrote: digests are equal at every step.

const skip = skipReason('crane, oras and regctl', needsRoot())

interface World {
  readonly dir: TempDir
  readonly node: TestNode
  readonly registry: TestRegistry
  readonly index: Descriptor
}

let world: World
const tools = new Map<string, string>()

/** Modules with their commands; a tool that cannot be built here is missed by its tests alone, which say so. */
const MODULES: readonly (readonly [module: string, version: string, command: string])[] = [
  ['github.com/google/go-containerregistry', 'v0.22.1', 'cmd/crane'],
  ['oras.land/oras', 'v1.3.6', 'cmd/oras'],
  ['github.com/regclient/regclient', 'v0.11.7', 'cmd/regctl'],
]

setUp(skip, async (use) => {
  for (const [module, version, command] of MODULES) {
    const [path] = (await goTools(module, version, [command])) ?? []
    if (path !== undefined) tools.set(command.slice('cmd/'.length), path)
  }
  const dir = use(tempDir('cairn-gopeers-'))
  const registry = use(await startRegistry())
  const layout = openLayout(join(dir.path, 'layout'), { create: true })
  const { index } = await sampleIndex(layout, 'v1')
  const node = use(await cairnNode({ busybox: false, env: { HOME: dir.path } }))
  world = { dir, node, registry, index }
})

const at = (name: string): string => `${world.registry.host}/${name}`
const path = (name: string): string => join(world.dir.path, name)
const cairn = async (...args: string[]): Promise<string> => (await world.node.must(args)).trim()

/** Runs the tool; undefined, once said, where it is missing. */
async function peer(name: string, ...args: string[]): Promise<string> {
  const env = { HOME: world.dir.path, DOCKER_CONFIG: world.dir.path }
  return (await must([tools.get(name)!, ...args], { env, cwd: world.dir.path })).trim()
}

function has(name: string): boolean {
  if (!tools.has(name)) console.log(`skipped: ${name} is not here`)
  return tools.has(name)
}

describe.skipIf(skip)('other clients built from Go', () => {
  test('crane', async () => {
    if (!has('crane')) return
    const { digest } = world.index
    await cairn('copy', '-q', `oci:${path('layout')}:v1`, `docker://${at('crane/app:v1')}`)
    expect(await peer('crane', 'digest', at('crane/app:v1'))).toBe(digest)
    await peer('crane', 'copy', at('crane/app:v1'), at('crane/copy:v2'))
    expect(await cairn('copy', '-q', `docker://${at('crane/copy:v2')}`, `oci:${path('crane')}:v2`)).toBe(digest)
    await peer('crane', 'pull', '--format=oci', at('crane/app:v1'), path('crane-pulled'))
    expect(await cairn('copy', '-q', `oci:${path('crane-pulled')}`, `docker://${at('crane/back:v1')}`)).toBe(digest)
    await peer('crane', 'pull', '--platform=linux/amd64', at('crane/app:v1'), path('crane.tar'))
    const image = await cairn('copy', '-q', `docker-archive:${path('crane.tar')}`, `oci:${path('crane-tar')}:x`)
    expect(image).toMatch(/^sha256:/)
    // An index that crane filters and one that we filter are of the same images.
    await peer('crane', 'index', 'filter', at('crane/app:v1'), '--platform=linux/arm64', '-t', at('crane/app:theirs'))
    await cairn('index', 'filter', '-t', at('crane/app:ours'), at('crane/app:v1'), 'linux/arm64')
    const entries = async (tag: string): Promise<string[]> =>
      (JSON.parse(await cairn('manifest', 'inspect', at(`crane/app:${tag}`))).manifests as Descriptor[]).map(
        (d) => d.digest,
      )
    expect(await entries('ours')).toEqual(await entries('theirs'))
    expect((await peer('crane', 'ls', at('crane/app'))).split('\n')).toEqual(['ours', 'theirs', 'v1'])
    await peer('crane', 'validate', '--remote', at('crane/app:ours'))
  }, 60_000)

  test('oras', async () => {
    if (!has('oras')) return
    const plain = '--plain-http'
    writeFileSync(path('sbom.json'), '{"spdx":true}')
    await cairn('copy', '-q', `oci:${path('layout')}:v1`, `docker://${at('oras/app:v1')}`)
    await peer(
      'oras',
      'attach',
      plain,
      '--artifact-type',
      'application/spdx+json',
      at('oras/app:v1'),
      'sbom.json:application/json',
    )
    await cairn('attach', '--artifact-type', 'application/x-ours', at('oras/app:v1'), path('sbom.json'))
    const ours = JSON.parse(await cairn('discover', '--format', 'json', at('oras/app:v1')))
    const theirs = JSON.parse(await peer('oras', 'discover', plain, '--format', 'json', at('oras/app:v1')))
    const seen = ({ referrers }: { referrers: { digest: string; artifactType: string }[] }): string[] =>
      referrers.map(({ digest, artifactType }) => `${artifactType} ${digest}`).toSorted()
    expect(seen(ours)).toEqual(seen(theirs))
    expect(seen(ours)).toHaveLength(2)
    for (const { digest } of ours.referrers as { digest: string }[]) {
      await cairn('artifact', 'pull', '-o', path('ours-out'), at(`oras/app@${digest}`))
      expect(readFileSync(path('ours-out/sbom.json'), 'utf8')).toBe('{"spdx":true}')
      await peer('oras', 'pull', plain, '-o', path('theirs-out'), at(`oras/app@${digest}`))
      expect(readFileSync(path('theirs-out/sbom.json'), 'utf8')).toBe('{"spdx":true}')
    }
    await peer('oras', 'push', plain, '--artifact-type', 'a/b', at('oras/files:v1'), 'sbom.json')
    expect(await cairn('artifact', 'pull', '-o', path('files'), at('oras/files:v1'))).toContain('sbom.json')
    // Layouts with what refers to an image, each read by the other.
    await peer(
      'oras',
      'copy',
      '-r',
      '--from-plain-http',
      at('oras/app:v1'),
      '--to-oci-layout',
      `${path('oras-layout')}:v1`,
    )
    expect(await cairn('copy', '-r', `oci:${path('oras-layout')}:v1`, `docker://${at('oras/again:v1')}`)).toContain(
      'referrers: 2',
    )
    await cairn('copy', '-q', '-r', `docker://${at('oras/again:v1')}`, `oci:${path('our-layout')}:v1`)
    const there = await peer('oras', 'discover', '--oci-layout', '--format', 'json', `${path('our-layout')}:v1`)
    expect(seen(JSON.parse(there))).toEqual(seen(ours))
  }, 60_000)

  test('regctl', async () => {
    if (!has('regctl')) return
    await peer('regctl', 'registry', 'set', '--tls', 'disabled', world.registry.host)
    await cairn('copy', '-q', `oci:${path('layout')}:v1`, `docker://${at('regctl/app:v1')}`)
    expect(await peer('regctl', 'image', 'digest', at('regctl/app:v1'))).toBe(world.index.digest)
    await cairn('attach', '--artifact-type', 'application/x-ours', at('regctl/app:v1'), path('layout/oci-layout'))
    await peer('regctl', 'image', 'copy', '--referrers', at('regctl/app:v1'), `ocidir://${path('regctl')}:v1`)
    const copied = await cairn('copy', '-r', `oci:${path('regctl')}:v1`, `docker://${at('regctl/again:v1')}`)
    expect(copied).toContain(`digest: ${world.index.digest}`)
    expect(copied).toContain('referrers: 1')
    expect(await peer('regctl', 'artifact', 'list', at('regctl/again:v1'))).toContain('application/x-ours')
    await peer(
      'regctl',
      'index',
      'create',
      at('regctl/made:v1'),
      '--ref',
      at('regctl/app:v1'),
      '--platform',
      'linux/arm64',
    )
    await cairn('index', 'add', at('regctl/made:v1'), '--platform', 'linux/amd64', at('regctl/app:v1'))
    const platforms = JSON.parse(
      await peer('regctl', 'manifest', 'get', '--format', '{{jsonPretty .Manifests}}', at('regctl/made:v1')),
    )
    expect((platforms as Descriptor[]).map((d) => d.platform?.architecture)).toEqual(['arm64', 'amd64'])
  }, 60_000)
})
