import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostPlatform } from '#oci'
import { whyNotEmulated } from '#runtime'
import {
  startDockerRegistry,
  cairnNode,
  lacking,
  must,
  needsRoot,
  setUp,
  skipReason,
  tempDir,
  type TempDir,
  type TestNode,
} from '#testkit'

const skip = skipReason('builds for several platforms', needsRoot(), lacking('crun', 'skopeo', 'docker-registry'))
const own = `linux/${hostPlatform().architecture}`

let node: TestNode
let dir: TempDir

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode())
})

let contexts = 0
function context(dockerfile: string): string {
  const path = join(dir.path, `context-${contexts++}`)
  mkdirSync(path)
  writeFileSync(join(path, 'Dockerfile'), dockerfile)
  return path
}

interface Entry {
  readonly digest: string
  readonly platform?: { readonly architecture: string; readonly variant?: string }
}

/** The index that a name stands for, as `save` writes it. */
async function indexOf(name: string): Promise<readonly Entry[]> {
  const tar = join(dir.path, `${name}.tar`)
  await node.must(['save', '-o', tar, name])
  const read = async (path: string): Promise<{ manifests: Entry[] }> =>
    JSON.parse(await must(['tar', '-xOf', tar, path])) as { manifests: Entry[] }
  const [root] = (await read('index.json')).manifests
  return (await read(`blobs/${root!.digest.replace(':', '/')}`)).manifests
}

const CROSS = `FROM --platform=$BUILDPLATFORM busybox AS cross
ARG TARGETARCH BUILDPLATFORM
RUN echo "$TARGETARCH on $BUILDPLATFORM" > /made
FROM cross AS shared
FROM scratch
ARG TARGETPLATFORM
COPY --from=cross /made /made
LABEL for=$TARGETPLATFORM
`

describe.skipIf(skip)('several platforms', () => {
  test('a cross-build makes an index of one image each', async () => {
    const log = await node.cairn([
      'build',
      '--progress=plain',
      '--network=none',
      `--platform=${own},linux/riscv64`,
      '--platform=linux/arm/v7',
      '--tag=cross',
      context(CROSS),
    ])
    expect(log).toMatchObject({ code: 0 })
    expect(log.stderr).toContain('[linux/riscv64 stage-2 1/1] COPY')
    const entries = await indexOf('cross')
    expect(entries.map(({ platform }) => `${platform?.architecture}${platform?.variant ?? ''}`)).toEqual([
      hostPlatform().architecture,
      'riscv64',
      'armv7',
    ])
    expect(await node.must(['inspect', '-f', '{{.Config.Labels.for}}', 'cross'])).toBe(`${own}\n`)
  })

  test('a single platform is an index only where that is asked for', async () => {
    const from = context('FROM scratch\nCOPY Dockerfile /\n')
    await node.must(['build', '-q', '--platform', 'linux/s390x', '-t', 'one', from])
    expect(await node.must(['inspect', '-f', '{{.Architecture}} {{.Descriptor.mediaType}}', 'one'])).toContain(
      's390x application/vnd.oci.image.manifest',
    )
    const args = ['--platform', 'linux/s390x', '--build-arg', 'BUILDKIT_MULTI_PLATFORM=1']
    await node.must(['build', '-q', ...args, '-t', 'listed', from])
    expect(await indexOf('listed')).toHaveLength(1)
    expect(await node.must(['images', '-q'])).toBeTruthy()
    expect(await node.must(['inspect', '-f', '{{.Architecture}}', 'listed'])).toBe('s390x\n')
  })

  test('a base of a registry is pulled for each platform, and known from then on', async () => {
    await using registry = await startDockerRegistry()
    const { host } = registry
    const args = [`--platform=${own},linux/ppc64le`, '-q']
    const base = context('FROM scratch\nARG TARGETARCH\nLABEL base=$TARGETARCH\nCOPY Dockerfile /base\n')
    await node.must(['build', ...args, '--push', '-t', `${host}/base:1`, base])
    await using other = await cairnNode({ busybox: false })
    const from = context(`FROM ${host}/base:1\nCOPY Dockerfile /own\n`)
    const metadata = join(from, '../metadata')
    await other.must(['build', ...args, '-t', `${host}/app:1`, '--push', `--metadata-file=${metadata}`, from])
    const { 'containerimage.digest': digest } = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, string>
    const index = await must(['skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${host}/app:1`])
    const { manifests } = JSON.parse(index) as { manifests: readonly Entry[] }
    for (const { platform } of manifests) {
      const arch = `--override-arch=${platform!.architecture}`
      const inspect = ['skopeo', 'inspect', arch, '--tls-verify=false', `docker://${host}/app:1`]
      const image = JSON.parse(await must(inspect)) as { Labels: object; Layers: string[] }
      expect(image).toMatchObject({ Labels: { base: platform!.architecture } })
      // The base's layer is in the registry as it was, not compressed again.
      const ofBase = JSON.parse(
        await must(['skopeo', 'inspect', arch, '--tls-verify=false', `docker://${host}/base:1`]),
      ) as { Layers: string[] }
      expect(image.Layers[0]).toBe(ofBase.Layers[0]!)
    }
    await registry[Symbol.asyncDispose]()
    const archive = `--output=type=oci,dest=${join(from, '../app.tar')}`
    await other.must(['build', ...args, '-t', `${host}/app:1`, archive, `--metadata-file=${metadata}`, from])
    const again = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, string>
    expect(again['containerimage.digest']).toBe(digest!)
  })

  const unemulated = whyNotEmulated({ os: 'linux', architecture: 'riscv64' })
  const noEmulator = skipReason(
    'a step of another platform',
    lacking('go'),
    unemulated && `needs an emulator: ${unemulated}`,
  )
  test.skipIf(noEmulator)(
    'a step of another platform runs where it is emulated',
    async () => {
      const from = context('FROM scratch\nCOPY tool /tool\nRUN ["/tool"]\n')
      writeFileSync(
        join(from, 'main.go'),
        'package main\nimport ("os"; "runtime")\nfunc main() { os.WriteFile("/made", []byte(runtime.GOARCH), 0o644) }\n',
      )
      const env = { GOOS: 'linux', GOARCH: 'riscv64', CGO_ENABLED: '0' }
      await must(['go', 'build', '-o', 'tool', 'main.go'], { cwd: from, env })
      await node.must(['build', '-q', '--network=none', '--platform=linux/riscv64', `-o=${from}/out`, from])
      expect(readFileSync(join(from, 'out/made'), 'utf8')).toBe('riscv64')
    },
    120_000,
  )

  test('a step that cannot run here says what to do, at its line', async () => {
    // No kernel emulates this one.
    const failed = await node.cairn(['build', '--platform', 'linux/mips64', context('FROM scratch\nRUN ["x"]\n')])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain(`RUN for linux/mips64 cannot run on ${own}`)
    expect(failed.stderr).toContain('Dockerfile:2')
  })

  test('a step that cannot run here is refused when it has to run, not before', async () => {
    const text = 'FROM scratch\nCOPY missing /\nRUN ["x"]\n'
    const failed = await node.cairn(['build', '--platform', 'linux/mips64', context(text)])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('Dockerfile:2')
    expect(failed.stderr).not.toContain('cannot run')
  })
})
