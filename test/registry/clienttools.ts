import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'bun:test'
import { streamOf } from '#base'
import { openLayout } from '#content'
import { encodeDocument, MediaType, type Descriptor } from '#oci'
import {
  busyboxRootfs,
  cairnNode,
  containersStorage,
  goTools,
  must,
  run,
  sampleImage,
  selfSigned,
  startDockerd,
  tempDir,
  type ContainersStorage,
  type Dockerd,
  type Ran,
  type TempDir,
  type TestNode,
} from '#testkit'

// Eight clients of registries, each as it does what all of them do.

const PASSWORDS = { alice: 'wonder', bob: 'builder' } as const
export type User = keyof typeof PASSWORDS
export interface ClientWorld extends AsyncDisposable {
  readonly dir: TempDir
  readonly docker: Dockerd
  /** One each, so that neither sees what the other pulled. */
  readonly storages: Readonly<Record<'podman' | 'buildah', ContainersStorage>>
  readonly node: TestNode
  /** A certificate for the loopback, its own authority. */
  readonly pair: { readonly cert: string; readonly key: string }
  /** An index of two platforms in `layout()`, under `v1`. */
  readonly index: Descriptor
}

/** One tool, logged in as one user at one registry. */
export interface Client {
  readonly user: User
  readonly host: string
  readonly home: string
  run(args: readonly string[], stdin?: string): Promise<Ran>
  /** What it said; anything but success fails the test. */
  must(...args: string[]): Promise<string>
}

/** How a tool does what every one of them does. `ref` is a whole name. */
export interface Tool {
  readonly name: string
  login(client: Client): Promise<unknown>
  /** Pushes something of its own. Answers with the digest that it tells. */
  push(client: Client, ref: string): Promise<string>
  /** Pulls whatever is there, every byte; answers with the digest that it saw, or all of them. */
  pull(client: Client, ref: string): Promise<string>
}

let world: ClientWorld
const binaries = new Map<string, string>()

const MODULES = [
  ['github.com/google/go-containerregistry', 'v0.22.1', 'crane'],
  ['oras.land/oras', 'v1.3.6', 'oras'],
  ['github.com/regclient/regclient', 'v0.11.7', 'regctl'],
] as const

/** Starts what the tools need: a daemon, stores, a machine of our own. One at a time. */
export async function startClients(): Promise<ClientWorld> {
  for (const [module, version, name] of MODULES) {
    const [path] = (await goTools(module, version, [`cmd/${name}`])) ?? []
    if (path !== undefined) binaries.set(name, path)
  }
  const dir = tempDir('cairn-clients-')
  const pair = await selfSigned(dir.path)
  const layout = openLayout(join(dir.path, 'layout'), { create: true })
  const manifests: Descriptor[] = []
  for (const architecture of ['amd64', 'arm64']) {
    const platform = { os: 'linux', architecture }
    manifests.push({ ...(await sampleImage(layout, { platform, label: architecture, compression: 'gzip' })), platform })
  }
  const document = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }
  const { descriptor: index, bytes } = await encodeDocument(MediaType.ociIndex, document)
  await layout.put(index, streamOf(bytes))
  await layout.tag(index, 'v1')
  const hashes = Object.entries(PASSWORDS).map(
    async ([user, password]) => `${user}:${await Bun.password.hash(password, { algorithm: 'bcrypt', cost: 4 })}\n`,
  )
  writeFileSync(join(dir.path, 'htpasswd'), (await Promise.all(hashes)).join(''))
  const docker = await startDockerd({ env: { SSL_CERT_FILE: pair.cert } })
  await must([docker.client, 'import', await busyboxRootfs(), 'busybox'], { env: docker.env })
  const storages = { podman: containersStorage(), buildah: containersStorage() }
  for (const storage of Object.values(storages))
    await must(storage.command('podman', ['import', '-q', await busyboxRootfs(), 'busybox']), { env: storage.env })
  const node = await cairnNode()
  world = {
    dir,
    docker,
    storages,
    node,
    pair,
    index,
    [Symbol.asyncDispose]: async () => {
      await node[Symbol.asyncDispose]()
      await docker[Symbol.asyncDispose]()
      for (const storage of Object.values(storages)) await storage[Symbol.asyncDispose]()
      dir[Symbol.dispose]()
    },
  }
  return world
}

function commandOf(tool: string, args: readonly string[]): readonly string[] {
  if (tool === 'docker') return [world.docker.client, ...args]
  if (tool === 'cairn') return world.node.argv(args)
  if (tool === 'podman' || tool === 'buildah' || tool === 'skopeo') return storageOf(tool).command(tool, args)
  return [binaries.get(tool)!, ...args]
}

const storageOf = (tool: string): ContainersStorage => world.storages[tool === 'buildah' ? 'buildah' : 'podman']

let homes = 0
/** The tool, logged in by its own login. */
export async function clientOf(tool: Tool, user: User, host: string): Promise<Client> {
  const home = join(world.dir.path, `home-${++homes}`)
  mkdirSync(join(home, '.docker'), { recursive: true })
  // Our client takes a registry's authority from where docker, podman and containerd look for it.
  const certs = join(home, '.config/containers/certs.d', host)
  mkdirSync(certs, { recursive: true })
  writeFileSync(join(certs, 'ca.crt'), readFileSync(world.pair.cert))
  const env = {
    ...(tool.name === 'docker' ? world.docker.env : storageOf(tool.name).env),
    HOME: home,
    DOCKER_CONFIG: join(home, '.docker'),
    REGISTRY_AUTH_FILE: join(home, '.docker/config.json'),
    XDG_CONFIG_HOME: '',
    SSL_CERT_FILE: world.pair.cert,
  }
  const options = { env, cwd: home }
  const client: Client = {
    user,
    host,
    home,
    run: (args, stdin) => run(commandOf(tool.name, args), { ...options, ...(stdin === undefined ? {} : { stdin }) }),
    must: async (...args) => (await must(commandOf(tool.name, args), options)).trim(),
  }
  await tool.login(client)
  return client
}

/** `docker login` and those that have its flags. */
const login =
  (...verb: string[]) =>
  async (client: Client): Promise<void> => {
    const { code, stderr } = await client.run(
      [...verb, '--username', client.user, '--password-stdin', client.host],
      PASSWORDS[client.user],
    )
    expect([verb, code, code === 0 ? '' : stderr]).toEqual([verb, 0, ''])
  }

const digestIn = (text: string): string => /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? text
export const layout = (): string => join(world.dir.path, 'layout')
let outputs = 0
/** A path where nothing is. */
export const output = (): string => join(world.dir.path, `out-${++outputs}`)
/** The digest of what was pulled into a layout of its own. */
async function pulledTo(path: string): Promise<string> {
  const { manifests } = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as { manifests: Descriptor[] }
  // oras lists what an index has as well, without names.
  const named = manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] !== undefined)
  return (named ?? manifests[0]!).digest
}

const TOOLS: readonly Tool[] = [
  {
    name: 'docker',
    login: login('login'),
    async push(client, ref) {
      await client.must('tag', 'busybox', ref)
      return /digest: (sha256:[0-9a-f]{64})/.exec(await client.must('push', ref))?.[1] ?? ''
    },
    async pull(client, ref) {
      await client.run(['rmi', ref])
      return /Digest: (sha256:[0-9a-f]{64})/.exec(await client.must('pull', ref))?.[1] ?? ''
    },
  },
  ...(['podman', 'buildah'] as const).map((name): Tool => ({
    name,
    login: login('login'),
    async push(client, ref) {
      const file = output()
      await client.must('push', '-q', '--digestfile', file, 'localhost/busybox', `docker://${ref}`)
      return readFileSync(file, 'utf8').trim()
    },
    async pull(client, ref) {
      await client.must('pull', '-q', ref)
      // An image has the digests of all that named it: of an index, its own as well.
      const storage = storageOf(name)
      const inspect = ['image', 'inspect', '--format', '{{json .RepoDigests}}', ref]
      return must(storage.command('podman', inspect), { env: storage.env })
    },
  })),
  {
    name: 'skopeo',
    login: login('login'),
    async push(client, ref) {
      await client.must('copy', '-q', '--all', '--preserve-digests', `oci:${layout()}:v1`, `docker://${ref}`)
      return world.index.digest
    },
    async pull(client, ref) {
      const to = output()
      await client.must('copy', '-q', '--all', '--preserve-digests', `docker://${ref}`, `oci:${to}:x`)
      return pulledTo(to)
    },
  },
  {
    name: 'crane',
    login: login('auth', 'login'),
    push: async (client, ref) => digestIn(await client.must('push', layout(), ref)),
    async pull(client, ref) {
      const to = output()
      await client.must('pull', '--format=oci', ref, to)
      return pulledTo(to)
    },
  },
  {
    name: 'oras',
    login: login('login'),
    async push(client, ref) {
      return digestIn(await client.must('copy', '--from-oci-layout', `${layout()}:v1`, ref))
    },
    async pull(client, ref) {
      const to = output()
      await client.must('copy', ref, '--to-oci-layout', `${to}:x`)
      return pulledTo(to)
    },
  },
  {
    name: 'regctl',
    async login(client) {
      const { code, stderr } = await client.run(
        ['registry', 'login', client.host, '--user', client.user, '--pass-stdin'],
        PASSWORDS[client.user],
      )
      expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
    },
    async push(client, ref) {
      await client.must('image', 'copy', `ocidir://${layout()}:v1`, ref)
      return client.must('image', 'digest', ref)
    },
    async pull(client, ref) {
      const to = output()
      await client.must('image', 'copy', ref, `ocidir://${to}:x`)
      return pulledTo(to)
    },
  },
  {
    name: 'cairn',
    login: login('login'),
    push: (client, ref) => client.must('copy', '-q', `oci:${layout()}:v1`, `docker://${ref}`),
    pull: (client, ref) => client.must('copy', '-q', `docker://${ref}`, `oci:${output()}:x`),
  },
]

export const toolOf = (name: string): Tool => TOOLS.find((tool) => tool.name === name)!

/** The tools that are here; of others it is said that they are not. */
export const present = (): readonly Tool[] =>
  TOOLS.filter(({ name }) => {
    const here = binaries.has(name) || !MODULES.some(([, , command]) => command === name)
    if (!here) console.log(`skipped: ${name} is not here`)
    return here
  })
