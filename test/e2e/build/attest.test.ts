import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

const skip = skipReason('attestations', needsRoot(), lacking('crun', 'skopeo', 'docker-registry', 'git'))

let node: TestNode
let dir: TempDir
let registry: DockerRegistry
let context: string

const SECRET = 'correct-horse-battery-staple'

setUp(skip, async (use) => {
  dir = use(tempDir())
  registry = use(await startDockerRegistry())
  node = use(await cairnNode({ env: { HOME: dir.path, TOKEN: SECRET } }))
  context = join(dir.path, 'context')
  mkdirSync(context)
  writeFileSync(
    join(context, 'status'),
    'Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n',
  )
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM busybox AS base
ARG COLOUR
RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c > /length
COPY status /var/lib/dpkg/status
FROM base
LABEL a=b
`,
  )
  await must(['sh', '-c', 'git init -q && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x'], {
    cwd: context,
  })
})

interface Entry {
  readonly digest: string
  readonly size: number
  readonly mediaType: string
  readonly platform?: { readonly os: string; readonly architecture: string }
  readonly annotations?: Record<string, string>
}
interface Manifest {
  readonly artifactType?: string
  readonly subject?: Entry
  readonly config: Entry
  readonly manifests: readonly Entry[]
  readonly layers: readonly Entry[]
}
interface Statement {
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[]
  readonly predicateType: string
  readonly predicate: Record<string, never>
}

const build = (...args: string[]): Promise<string> =>
  node.must([
    'build',
    '-q',
    '--network=none',
    '--build-arg=COLOUR=vermilion',
    '--secret=id=token,env=TOKEN',
    ...args,
    context,
  ])

async function fetched<T>(name: string, kind: 'manifests' | 'blobs', ref: string): Promise<T> {
  const accept = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json'
  const response = await fetch(`http://${registry.host}/v2/${name}/${kind}/${ref}`, { headers: { accept } })
  return (await response.json()) as T
}

/** The image's entry, and the statements about it, found as BuildKit's readers find them. */
async function statementsOf(name: string): Promise<{ image: Entry; attestation: Manifest; statements: Statement[] }> {
  const { manifests } = await fetched<Manifest>(name, 'manifests', '1')
  const [image, beside] = manifests
  expect(beside).toMatchObject({
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': image!.digest,
    },
  })
  const attestation = await fetched<Manifest>(name, 'manifests', beside!.digest)
  const statements: Statement[] = []
  for (const { digest, annotations } of attestation.layers) {
    const statement = await fetched<Statement>(name, 'blobs', digest)
    expect(annotations).toEqual({ 'in-toto.io/predicate-type': statement.predicateType })
    expect(statement.subject[0]!.digest.sha256).toBe(image!.digest.slice(7))
    statements.push(statement)
  }
  return { image: image!, attestation, statements }
}

describe.skipIf(skip)('attestations', () => {
  test('stand beside an image that they do not change, and follow it through a push', async () => {
    const name = `${registry.host}/app:1`
    await build('-t', `${registry.host}/bare:1`, '--push', `--metadata-file=${dir.path}/bare`)
    await build('-t', name, '--provenance=mode=max', '--sbom=true', '--push', `--metadata-file=${dir.path}/attested`)
    const { image, attestation, statements } = await statementsOf('app')
    const bare = JSON.parse(readFileSync(join(dir.path, 'bare'), 'utf8')) as Record<string, string>
    expect(image.digest).toBe(bare['containerimage.digest']!)
    expect(JSON.parse(readFileSync(join(dir.path, 'attested'), 'utf8'))).toMatchObject({
      'buildx.build.provenance': { buildDefinition: { buildType: 'urn:cairn:build:dockerfile:v1' } },
    })
    expect(attestation).toMatchObject({
      artifactType: 'application/vnd.docker.attestation.manifest.v1+json',
      subject: { digest: image.digest, size: image.size, mediaType: image.mediaType },
    })
    expect(statements.map(({ predicateType }) => predicateType)).toEqual([
      'https://spdx.dev/Document',
      'https://slsa.dev/provenance/v1',
    ])
    expect(JSON.stringify(statements[0])).toContain('pkg:deb/debian/bash@5.2')
    const digest = await must([
      'skopeo',
      'inspect',
      '--tls-verify=false',
      '--format',
      '{{.Digest}}',
      `docker://${name}`,
    ])
    await node.must(['tag', name, `${registry.host}/again:1`])
    await node.must(['push', `${registry.host}/again:1`])
    expect(
      await must([
        'skopeo',
        'inspect',
        '--tls-verify=false',
        '--format',
        '{{.Digest}}',
        `docker://${registry.host}/again:1`,
      ]),
    ).toBe(digest)
    expect(await node.must(['run', '--rm', '--network=none', name, 'cat', '/length'])).toBe(`${SECRET.length}\n`)
  })

  test('provenance names what was read, tells values in max alone, and never a secret', async () => {
    const predicate = async (mode: string): Promise<string> => {
      await build(`--provenance=mode=${mode},builder-id=https://ci.example/1`, `-o=type=local,dest=${dir.path}/${mode}`)
      return readFileSync(join(dir.path, mode, 'provenance.json'), 'utf8')
    }
    const [min, max] = [await predicate('min'), await predicate('max')]
    for (const text of [min, max]) {
      expect(text).not.toContain(SECRET)
      expect(text).not.toContain(dir.path)
      const { predicate: slsa } = JSON.parse(text) as { predicate: never }
      expect(slsa).toMatchObject({
        buildDefinition: {
          externalParameters: { configSource: { path: 'Dockerfile' }, request: { locals: [{ name: 'context' }] } },
          resolvedDependencies: [
            { uri: expect.stringMatching(/^pkg:docker\/busybox@latest\?platform=/) },
            { uri: 'urn:cairn:context:context', digest: { sha256: expect.any(String) } },
          ],
        },
        runDetails: {
          builder: { id: 'https://ci.example/1' },
          metadata: { buildkit_metadata: { vcs: { revision: expect.stringMatching(/^[0-9a-f]{40}$/) } } },
        },
      })
    }
    expect(min).not.toContain('vermilion')
    const { predicate: slsa } = JSON.parse(max) as { predicate: never }
    expect(slsa).toMatchObject({
      buildDefinition: {
        externalParameters: { request: { args: { 'build-arg:COLOUR': 'vermilion' }, secrets: [{ id: 'token' }] } },
        internalParameters: {
          buildConfig: { steps: expect.arrayContaining([expect.objectContaining({ id: 'step0' })]) },
        },
      },
    })
    expect(await predicate('max')).toBe(max)
    writeFileSync(join(context, 'status'), 'Package: other\n')
    expect(await predicate('max')).not.toBe(max)
  })

  test('without artifacts they are as BuildKit made them before, and they are left out where they are not wanted', async () => {
    await build('-t', `${registry.host}/old:1`, '--attest=type=provenance', '--output=type=registry,oci-artifact=false')
    const { attestation } = await statementsOf('old')
    expect(attestation).not.toHaveProperty('subject')
    expect(attestation).not.toHaveProperty('artifactType')
    expect(attestation.config.mediaType).toBe('application/vnd.oci.image.config.v1+json')
    await build('-t', 'none', '--attest=type=sbom', '--sbom=false', '--provenance=false')
    expect(await node.must(['inspect', '-f', '{{.Descriptor.mediaType}}', 'none'])).toContain('image.manifest')
  })
})
