import { describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cairnNode,
  lacking,
  needsRoot,
  setUp,
  skipReason,
  startDockerRegistry,
  tempDir,
  type DockerRegistry,
  type TempDir,
  type TestNode,
} from '#testkit'
import { startS3, versitygw } from '../../registry/s3server.ts'

// One machine builds and exports its cache; another, with an empty store, builds the same.

const skip = skipReason('build caches of other machines', needsRoot(), lacking('crun', 'docker-registry'))

let dir: TempDir
let registry: DockerRegistry
let first: TestNode
let context: string

setUp(skip, async (use) => {
  dir = use(tempDir())
  registry = use(await startDockerRegistry())
  first = use(await cairnNode({ env: { HOME: dir.path } }))
  context = join(dir.path, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'input'), 'one')
  writeFileSync(join(context, 'late'), 'one')
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM busybox AS tools
RUN echo slow > /tool && head -c 300000 /dev/urandom > /ballast
FROM busybox AS made
COPY input /input
COPY --from=tools /tool /tool
RUN cat /input /tool > /made
COPY late /late
RUN cat /made /late > /all
FROM made
LABEL done=yes
`,
  )
})

interface Outcome {
  readonly id: string
  readonly ran: number
  readonly layers: number
  readonly log: string
}

async function build(node: TestNode, ...args: string[]): Promise<Outcome> {
  const iid = join(dir.path, 'iid')
  const layers = (): number =>
    readdirSync(join(node.root, 'layers/sha256')).filter((name) => !name.startsWith('.')).length
  const { code, stderr } = await node.cairn([
    'build',
    '--progress=plain',
    '--network=none',
    `--iidfile=${iid}`,
    ...args,
    context,
  ])
  if (code !== 0) throw new Error(stderr)
  const ran = [...stderr.matchAll(/^#(\d+) \[.*?\] (?:RUN|COPY)/gm)].filter(
    ([, n]) => !new RegExp(`^#${n} CACHED`, 'm').test(stderr),
  )
  return { id: readFileSync(iid, 'utf8'), ran: new Set(ran.map(([, n]) => n)).size, layers: layers(), log: stderr }
}

async function elsewhere<T>(work: (node: TestNode) => Promise<T>): Promise<T> {
  await using node = await cairnNode({ env: { HOME: dir.path } })
  return await work(node)
}

describe.skipIf(skip)('a cache of another machine', () => {
  let built: Outcome

  test('min: the result is had without a step, and only its layers come', async () => {
    built = await build(first, '-t', 'app', `--cache-to=type=registry,ref=${registry.host}/app:cache`)
    expect(built.ran).toBe(6)
    await elsewhere(async (node) => {
      const again = await build(node, '-t', 'app', `--cache-from=${registry.host}/app:cache`)
      expect(again).toMatchObject({ id: built.id, ran: 0 })
      expect(await node.must(['run', '--rm', '--network=none', 'app', 'cat', '/all'])).toBe('oneslow\none')
      // The records are this machine's now.
      expect((await build(node)).ran).toBe(0)
    })
  })

  test('max: a change runs what depends on it, and layers that nothing reads stay away', async () => {
    const place = join(dir.path, 'max')
    await build(first, `--cache-to=type=local,mode=max,compression=zstd,dest=${place}`)
    writeFileSync(join(context, 'late'), 'two')
    await elsewhere(async (node) => {
      const changed = await build(node, `--cache-from=type=local,src=${place}`, '--output=type=cacheonly')
      expect(changed.ran).toBe(2)
      const whole = await build(first)
      expect(whole.id).toBe(changed.id)
      // All of this build's but the stage's that was only copied from.
      const blobs = readdirSync(join(place, 'blobs/sha256')).map(
        (name) => statSync(join(place, 'blobs/sha256', name)).size,
      )
      expect(blobs.some((size) => size > 300_000)).toBe(true)
      expect(changed.log.match(/importing cached layer/g)!.length).toBeGreaterThan(0)
      expect(await layersOver(node, 300_000)).toBe((await layersOver(first, 300_000)) - 1)
    })
    writeFileSync(join(context, 'late'), 'one')
  })

  test('of a base that only a cached stage was made on nothing but documents come', async () => {
    const base = join(dir.path, 'base')
    mkdirSync(base)
    writeFileSync(join(base, 'Dockerfile'), 'FROM busybox\nRUN head -c 300000 /dev/urandom > /toolchain\n')
    const name = `${registry.host}/toolchain:1`
    await first.must(['build', '-q', '--network=none', '-t', name, '--push', base])
    const own = join(dir.path, 'own')
    mkdirSync(own)
    writeFileSync(
      join(own, 'Dockerfile'),
      `FROM ${name} AS made\nRUN echo made > /made\nFROM scratch\nCOPY --from=made /made /made\n`,
    )
    const cache = `${registry.host}/toolchain:cache`
    const args = ['build', '-q', '--network=none', '-t', 'own']
    const id = await first.must([...args, `--cache-to=type=registry,mode=max,ref=${cache}`, own])
    await elsewhere(async (node) => {
      expect(await node.must([...args, `--cache-from=${cache}`, own])).toBe(id)
      expect(await layersOver(node, 300_000)).toBe(1)
      expect(await node.must(['images', '--format={{.Repository}}'])).not.toContain('toolchain')
      // A change needs it: it comes, whole, and has its name.
      writeFileSync(join(own, 'Dockerfile'), readFileSync(join(own, 'Dockerfile'), 'utf8').replace('echo', 'echo -n'))
      await node.must([...args, `--cache-from=${cache}`, own])
      expect(await layersOver(node, 300_000)).toBe(2)
      expect(await node.must(['images', '--format={{.Repository}}'])).toContain('toolchain')
      await node.must(['run', '--rm', '--network=none', name, 'true'])
    })
  })

  test('inline: the pushed image is the same, and its cache comes with its name', async () => {
    const name = `${registry.host}/inline:1`
    const plain = await build(first, '-t', `${registry.host}/plain:1`, '--push', `--metadata-file=${dir.path}/plain`)
    await build(first, '-t', name, '--push', '--cache-to=type=inline', `--metadata-file=${dir.path}/inline`)
    expect(digestIn('inline')).toBe(digestIn('plain'))
    await elsewhere(async (node) => {
      expect(await build(node, `--cache-from=type=registry,ref=${name}`)).toMatchObject({ id: plain.id, ran: 0 })
    })
  })

  test('what is no cache, damaged or absent is a warning, or an error where it is to be written', async () => {
    const place = join(dir.path, 'damaged')
    await build(first, `--cache-to=type=local,dest=${place}`)
    const blobs = join(place, 'blobs/sha256')
    await elsewhere(async (node) => {
      const absent = [`--cache-from=${registry.host}/none:1`, `--cache-from=type=local,src=${dir.path}/nowhere`]
      const outcome = await build(node, ...absent)
      expect(outcome).toMatchObject({ id: built.id, ran: 6 })
      expect(outcome.log.match(/no cache from/g)).toHaveLength(2)
    })
    const damage = (names: readonly string[]): void => {
      for (const name of names) {
        const bytes = readFileSync(join(blobs, name))
        bytes[Math.floor(bytes.length / 2)]! ^= 1
        writeFileSync(join(blobs, name), bytes)
      }
    }
    const isLayer = (name: string): boolean => readFileSync(join(blobs, name))[0] !== 0x7b
    damage(readdirSync(blobs).filter(isLayer))
    await elsewhere(async (node) => {
      const outcome = await build(node, `--cache-from=type=local,src=${place}`)
      expect(outcome.id).toBe(built.id)
      expect(outcome.log).toContain('goes on without')
    })
    damage(readdirSync(blobs).filter((name) => !isLayer(name)))
    await elsewhere(async (node) => {
      expect(await build(node, `--cache-from=type=local,src=${place}`)).toMatchObject({ id: built.id, ran: 6 })
    })
    const nowhere = `--cache-to=type=local,dest=${join(context, 'input')}`
    const refused = await first.cairn(['build', '-q', '--network=none', nowhere, context])
    expect({ code: refused.code, said: refused.stderr.includes('input') }).toEqual({ code: 1, said: true })
    expect((await build(first, `${nowhere},ignore-error=true`)).log).toContain('no cache was exported')
  })

  test('S3: the bucket is all that two machines share', async () => {
    const binary = await versitygw.binary()
    if (binary === undefined) return
    await using s3 = await startS3(versitygw, binary)
    const place = `type=s3,bucket=${s3.bucket},endpoint_url=${s3.endpoint},prefix=ci/,name=main,access_key_id=${s3.accessKeyId},secret_access_key=${s3.secretAccessKey}`
    await build(first, `--cache-to=${place},mode=max`)
    await elsewhere(async (node) => {
      expect(await build(node, `--cache-from=${place}`)).toMatchObject({ id: built.id, ran: 0 })
    })
  }, 120_000)
})

function digestIn(name: string): string {
  const metadata = JSON.parse(readFileSync(join(dir.path, name), 'utf8')) as Record<string, string>
  return metadata['containerimage.digest']!
}

async function layersOver(node: TestNode, size: number): Promise<number> {
  const path = join(node.root, 'layers/sha256')
  return readdirSync(path).filter((name) => {
    const file = statSync(join(path, name))
    return file.isFile() && file.size > size
  }).length
}
