import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Descriptor } from '#oci'
import type { RegistryConfig } from '#registry/server'
import { lacking, needsRoot, setUp, skipReason } from '#testkit'
import {
  clientOf,
  output,
  present,
  startClients,
  toolOf,
  type Client,
  type ClientWorld,
  type Tool,
} from './clienttools.ts'
import { startRegistry, type TestRegistry } from './server.ts'

// Every client at our server over TLS, logged in by its own login, under rules: what is allowed arrives with the same
// digest everywhere, what is not allowed is refused in words that the client passes on.

const skip = skipReason(
  'every client over TLS and under rules',
  needsRoot(),
  lacking('dockerd', 'podman', 'skopeo', 'buildah', 'openssl'),
)

const RULES: NonNullable<NonNullable<RegistryConfig['auth']>['rules']> = [
  { repositories: ['**'], users: ['alice'], allow: ['pull', 'push', 'delete'] },
  { repositories: ['team/**'], users: ['bob'], allow: ['pull'] },
  { repositories: ['bob/**'], users: ['bob'], allow: ['pull', 'push'] },
]
const REFUSED = /denied|unauthori[sz]ed|forbidden|authentication required|requested access|may not/i

let world: ClientWorld

setUp(skip, async (use) => {
  world = use(await startClients())
})

async function serve(scheme: 'basic' | 'token'): Promise<TestRegistry> {
  const { dir, pair } = world
  return startRegistry({ tls: pair, auth: { scheme, htpasswd: join(dir.path, 'htpasswd'), rules: RULES } })
}

for (const scheme of ['basic', 'token'] as const)
  describe.skipIf(skip)(`over TLS, by ${scheme === 'basic' ? 'password' : 'token'}`, () => {
    test('what each pushes each pulls, with one digest', async () => {
      await using registry = await serve(scheme)
      const clients = new Map<Tool, Client>()
      for (const tool of present()) clients.set(tool, await clientOf(tool, 'alice', registry.host))
      for (const [pusher, client] of clients) {
        const ref = `${registry.host}/team/${pusher.name}/app:v1`
        const digest = await pusher.push(client, ref)
        expect([pusher.name, digest]).toEqual([pusher.name, expect.stringMatching(/^sha256:[0-9a-f]{64}$/)])
        for (const [puller, other] of clients)
          expect([pusher.name, puller.name, await puller.pull(other, ref)]).toEqual([
            pusher.name,
            puller.name,
            expect.stringContaining(digest),
          ])
      }
    }, 300_000)

    test('rules hold for each: some may only read, some nothing at all', async () => {
      await using registry = await serve(scheme)
      const { host } = registry
      const seed = toolOf('cairn')
      const alice = await clientOf(seed, 'alice', host)
      for (const name of ['team/app', 'private/app']) await seed.push(alice, `${host}/${name}:v1`)
      for (const tool of present()) {
        const bob = await clientOf(tool, 'bob', host)
        const pulled = await tool.pull(bob, `${host}/team/app:v1`)
        expect([tool.name, pulled]).toEqual([tool.name, expect.stringContaining(world.index.digest)])
        await tool.push(bob, `${host}/bob/${tool.name}:v1`)
        // After a 403 to a POST regctl asks again for 40 s; a refused token it takes at once.
        const patient = tool.name === 'regctl' && scheme === 'basic'
        for (const refused of [
          () => tool.push(bob, `${host}/team/app:v2`),
          ...(patient ? [] : [() => tool.push(bob, `${host}/elsewhere/${tool.name}:v1`)]),
          () => tool.pull(bob, `${host}/private/app:v1`),
        ]) {
          const said = await refused().then(
            () => 'it was allowed',
            (error: Error) => error.message,
          )
          expect([tool.name, said]).toEqual([tool.name, expect.stringMatching(REFUSED)])
        }
      }
      expect(await alice.must('tags', `${host}/team/app`)).toBe('v1')
    }, 300_000)

    test('an index of images that other tools pushed, made by each that makes them', async () => {
      await using registry = await serve(scheme)
      const at = (name: string): string => `${registry.host}/team/${name}`
      const on = (name: string): Promise<Client> => clientOf(toolOf(name), 'alice', registry.host)
      const cairn = await on('cairn')
      await toolOf('cairn').push(cairn, at('app:v1'))
      const { manifests } = await documentOf(cairn, at('app:v1'))
      const [amd, arm] = manifests!.map(({ digest }) => at(`app@${digest}`))
      const made: string[] = []
      const making = async (name: string, make: (client: Client, ref: string) => Promise<unknown>): Promise<void> => {
        if (!present().includes(toolOf(name))) return
        await make(await on(name), at(`app:${name}`))
        made.push(name)
      }
      await making('crane', (c, ref) => c.must('index', 'append', '-m', amd!, '-m', arm!, '-t', ref))
      await making('oras', (c, ref) => c.must('manifest', 'index', 'create', ref, amd!, arm!))
      await making('regctl', (c, ref) => c.must('index', 'create', ref, '--ref', amd!, '--ref', arm!))
      for (const name of ['podman', 'buildah'])
        await making(name, async (c, ref) => {
          await c.must('manifest', 'create', `list-${scheme}`, `docker://${amd}`, `docker://${arm}`)
          await c.must('manifest', 'push', '--all', `list-${scheme}`, `docker://${ref}`)
        })
      await making('cairn', (c, ref) => c.must('index', 'create', ref, amd!, arm!))
      for (const name of made) {
        const document = await documentOf(cairn, at(`app:${name}`))
        expect([name, document.manifests?.map(({ digest }) => digest)]).toEqual([
          name,
          manifests!.map(({ digest }) => digest),
        ])
      }
    }, 120_000)

    test('artifacts and what refers to an image: attached by each, found and fetched by each', async () => {
      await using registry = await serve(scheme)
      const { host } = registry
      const ref = `${host}/team/app:v1`
      const cairn = await clientOf(toolOf('cairn'), 'alice', host)
      await toolOf('cairn').push(cairn, ref)
      const file = join(cairn.home, 'sbom.json')
      writeFileSync(file, '{"spdx":true}')
      const [oras, regctl] = await Promise.all(
        ['oras', 'regctl'].map(async (name) =>
          present().includes(toolOf(name)) ? clientOf(toolOf(name), 'alice', host) : undefined,
        ),
      )
      const types = ['application/x-cairn']
      await cairn.must('attach', '--artifact-type', 'application/x-cairn', ref, file)
      if (oras) {
        writeFileSync(join(oras.home, 'sbom.json'), '{"spdx":true}')
        await oras.must('attach', '--artifact-type', 'application/x-oras', ref, 'sbom.json:application/json')
        types.push('application/x-oras')
      }
      if (regctl) {
        const put = ['artifact', 'put', '--artifact-type', 'application/x-regctl', '--subject', ref]
        const files = ['--file', file, '--file-title', '--strip-dirs', '-m', 'application/json']
        await regctl.must(...put, ...files)
        types.push('application/x-regctl')
      }
      const seen = (list: readonly Descriptor[]): string[] =>
        list.map((d) => `${d.artifactType} ${d.digest}`).toSorted()
      const ours = JSON.parse(await cairn.must('discover', '--format', 'json', ref)).referrers as Descriptor[]
      expect(ours.map((d) => d.artifactType ?? '').toSorted()).toEqual(types.toSorted())
      if (oras) {
        const theirs = JSON.parse(await oras.must('discover', '--format', 'json', ref))
        expect(seen(theirs.referrers)).toEqual(seen(ours))
      }
      if (regctl) {
        const theirs = JSON.parse(await regctl.must('artifact', 'list', '--format', '{{json .Descriptors}}', ref))
        expect(seen(theirs)).toEqual(seen(ours))
      }
      for (const { digest } of ours) {
        const by = `${host}/team/app@${digest}`
        const [first, second, third] = [output(), output(), output()]
        await cairn.must('artifact', 'pull', '-o', first, by)
        expect(readFileSync(join(first, 'sbom.json'), 'utf8')).toBe('{"spdx":true}')
        if (oras) {
          await oras.must('pull', '-o', second, by)
          expect(readFileSync(join(second, 'sbom.json'), 'utf8')).toBe('{"spdx":true}')
        }
        if (regctl) {
          mkdirSync(third)
          await regctl.must('artifact', 'get', '--output', third, by)
          expect(readFileSync(join(third, 'sbom.json'), 'utf8')).toBe('{"spdx":true}')
        }
      }
      // Whoever may only read may see them, and attach nothing.
      const bob = await clientOf(toolOf('cairn'), 'bob', host)
      expect(seen(JSON.parse(await bob.must('discover', '--format', 'json', ref)).referrers)).toEqual(seen(ours))
      const refused = await bob.run(['attach', '--artifact-type', 'a/b', ref, file])
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(REFUSED)])
    }, 120_000)
  })

async function documentOf(client: Client, ref: string): Promise<{ readonly manifests?: readonly Descriptor[] }> {
  return JSON.parse(await client.must('manifest', 'inspect', '--raw', ref))
}
