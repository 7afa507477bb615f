import { describe, expect, test } from 'bun:test'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { streamOf, utf8 } from '#base'
import { login, logout, openRepository, readRegistriesConfig } from '#registry/client'
import type { Certificates, ClientOptions } from '#registry/client'
import { hostCredentials, registryEndpoint } from '#registry/client'
import { blobOf, failure, lacking, must, run, selfSigned, skipReason, startDockerRegistry, tempDir } from '#testkit'
import { machineConnect } from './connect.ts'
import { machineHost } from './host.ts'

const skip = skipReason('registries over TLS', lacking('docker-registry', 'openssl'))
const QUICK = { sleep: async () => undefined }

/** The loopback is insecure by default; a name that is not its own address is not. */
const endpoint = (host: string): ReturnType<typeof registryEndpoint> => ({ ...registryEndpoint(host), insecure: false })

describe.skipIf(skip)('registries over TLS', () => {
  const certificates = async (ca: string, client?: { cert: string; key: string }): Promise<Certificates> => ({
    ca: [await readFile(ca, 'utf8')],
    ...(client
      ? { client: { cert: await readFile(client.cert, 'utf8'), key: await readFile(client.key, 'utf8') } }
      : {}),
  })

  test('an unknown certificate is refused, with its own CA it is taken', async () => {
    await using peer = await startDockerRegistry({ tls: true })
    using home = tempDir()
    const host = machineHost({ HOME: home.path })
    // An entry as a user would configure it, so that the endpoint is not insecure as the loopback is.
    const strict = (options: ClientOptions): ClientOptions => ({
      ...options,
      retry: QUICK,
      connect: (e) => options.connect!({ ...e, insecure: false }),
    })
    const refused = openRepository(`${peer.host}/a/b`, strict({ connect: machineConnect(host) }))
    const error = await failure(refused.resolve('v1'), 'unavailable')
    expect(error.message).toMatch(/CERT|SELF_SIGNED/)
    const known = machineConnect(host, { certificates: () => certificates(peer.ca!) })
    const repository = openRepository(`${peer.host}/a/b`, strict({ connect: known }))
    const d = await blobOf(utf8('over TLS'))
    await repository.put(d, streamOf(utf8('over TLS')))
    expect(await repository.has(d)).toBe(true)
  })

  test('certs.d gives a registry its CA and us our certificate', async () => {
    await using peer = await startDockerRegistry({ tls: true, clientCertificate: true })
    using home = tempDir()
    const host = machineHost({ HOME: home.path, XDG_CONFIG_HOME: join(home.path, 'config') })
    const directory = join(home.path, 'config/containers/certs.d', peer.host)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'ca.crt'), await Bun.file(peer.ca!).text())
    const connect = machineConnect(host)
    const options: ClientOptions = { retry: QUICK, connect: (e) => connect({ ...e, insecure: false }) }
    await failure(openRepository(`${peer.host}/a/b`, options).resolve('v1'), 'unavailable')
    // The registry's clientcas holds its own certificate: the same pair makes a client of it.
    const own = peer.ca!.replace(/\.crt$/, '')
    writeFileSync(join(directory, 'client.cert'), await Bun.file(`${own}.crt`).text())
    writeFileSync(join(directory, 'client.key'), await Bun.file(`${own}.key`).text())
    const again = machineConnect(host)
    const repository = openRepository(`${peer.host}/a/b`, {
      ...options,
      connect: (e) => again({ ...e, insecure: false }),
    })
    await failure(repository.resolve('v1'), 'not_found')
  })

  test('certificates of one host are not used for another', async () => {
    using directory = tempDir()
    const pair = await selfSigned(directory.path)
    const asked: string[] = []
    const connect = machineConnect(machineHost({ HOME: directory.path }), {
      certificates: async (name) => {
        asked.push(name)
        return name === 'home.invalid' ? certificates(pair.cert, pair) : { ca: [] }
      },
    })
    await failure(connect(endpoint('home.invalid'))({ method: 'GET', url: 'https://other.invalid/' }), 'unavailable')
    expect(asked).toEqual(['other.invalid'])
  })
})

describe.skipIf(skip)('login', () => {
  const users = { ann: 's3cret' }
  const credential = { kind: 'basic', username: 'ann', password: 's3cret' } as const

  test('stores in the file and says that it is not encrypted; logout forgets', async () => {
    await using peer = await startDockerRegistry({ users })
    using home = tempDir()
    const host = machineHost({ HOME: home.path })
    const place = registryEndpoint(peer.host)
    await failure(
      login(host, place, peer.host, { ...credential, password: 'wrong' }, { retry: QUICK }),
      'unauthenticated',
    )
    expect(await host.readFile(join(home.path, '.docker/config.json'))).toBeUndefined()
    const stored = await login(host, place, peer.host, credential, { retry: QUICK })
    expect(stored.warning).toContain('unencrypted')
    expect(statSync(stored.path).mode & 0o777).toBe(0o600)
    const repository = (): ReturnType<typeof openRepository> =>
      openRepository(`${peer.host}/a/b`, { retry: QUICK, credentials: hostCredentials(host) })
    await failure(repository().resolve('v1'), 'not_found')
    expect(await logout(host, peer.host)).toBe(true)
    expect(await logout(host, peer.host)).toBe(false)
    await failure(repository().resolve('v1'), 'unauthenticated')
  })

  test('stores through a helper where one is named; the secret is in no argument and in no file of ours', async () => {
    await using peer = await startDockerRegistry({ users })
    using home = tempDir()
    const bin = join(home.path, 'bin')
    mkdirSync(bin)
    mkdirSync(join(home.path, '.docker'))
    writeFileSync(join(home.path, '.docker/config.json'), '{"credsStore":"toy","experimental":"kept"}')
    // A helper as the protocol has it: verb as the argument, everything else by pipes.
    writeFileSync(
      join(bin, 'docker-credential-toy'),
      `#!/bin/sh
echo "$@" >> '${home.path}/args'
case $1 in
  store) cat > '${home.path}/kept' ;;
  get) [ -e '${home.path}/kept' ] && cat '${home.path}/kept' || { echo 'credentials not found in native keychain'; exit 1; } ;;
  erase) rm '${home.path}/kept' ;;
  *) exit 1 ;;
esac
`,
      { mode: 0o755 },
    )
    const host = machineHost({ HOME: home.path, PATH: `${bin}:/usr/bin:/bin` })
    const stored = await login(host, registryEndpoint(peer.host), peer.host, credential, { retry: QUICK })
    expect(stored).toEqual({ server: peer.host, helper: 'toy', path: join(home.path, '.docker/config.json') })
    expect(await Bun.file(stored.path).text()).toBe('{"credsStore":"toy","experimental":"kept"}')
    expect(await Bun.file(join(home.path, 'args')).text()).not.toContain('s3cret')
    const options = { retry: QUICK, credentials: hostCredentials(host) }
    await failure(openRepository(`${peer.host}/a/b`, options).resolve('v1'), 'not_found')
    expect(await logout(host, peer.host)).toBe(true)
    expect(await hostCredentials(host)(peer.host)).toBeUndefined()
  })

  test('takes a keychain that works here for the first login', async () => {
    await using peer = await startDockerRegistry({ users })
    using home = tempDir()
    for (const [name, works] of [
      ['pass', 'exit 1'],
      ['secretservice', `case $1 in list) echo '{}' ;; store) cat > '${home.path}/kept' ;; esac`],
    ])
      writeFileSync(join(home.path, `docker-credential-${name}`), `#!/bin/sh\n${works}\n`, { mode: 0o755 })
    const host = machineHost({ HOME: home.path, PATH: `${home.path}:/usr/bin:/bin` })
    const stored = await login(host, registryEndpoint(peer.host), peer.host, credential, { retry: QUICK })
    expect([stored.helper, stored.warning]).toEqual(['secretservice', undefined])
    expect(JSON.parse(await Bun.file(stored.path).text())).toEqual({ credsStore: 'secretservice' })
    expect(await Bun.file(join(home.path, 'kept')).json()).toMatchObject({ Username: 'ann', Secret: 's3cret' })
  })

  test.skipIf(skipReason('logins shared with skopeo', lacking('skopeo')))(
    'is shared with skopeo, both ways',
    async () => {
      await using peer = await startDockerRegistry({ users })
      using home = tempDir()
      const host = machineHost({ HOME: home.path })
      const { path } = await login(host, registryEndpoint(peer.host), peer.host, credential, { retry: QUICK })
      const image = `docker://${peer.host}/absent`
      const asked = await run(['skopeo', 'list-tags', '--authfile', path, '--tls-verify=false', image])
      expect(asked.stderr).toContain('404')
      const theirs = join(home.path, 'auth.json')
      const flags = ['--authfile', theirs, '--tls-verify=false', '-u', 'ann', '--password-stdin']
      await must(['skopeo', 'login', ...flags, peer.host], { stdin: 's3cret' })
      const read = hostCredentials(machineHost({ HOME: home.path, REGISTRY_AUTH_FILE: theirs }))
      expect(await read(`${peer.host}/a/b`)).toEqual(credential)
    },
  )

  test('a helper that is not installed hinders nothing that is public', async () => {
    using home = tempDir()
    mkdirSync(join(home.path, '.docker'))
    writeFileSync(join(home.path, '.docker/config.json'), '{"credHelpers":{"gcr.io":"absent-helper"}}')
    const host = machineHost({ HOME: home.path, PATH: '/nowhere' })
    const warnings: string[] = []
    const progress = (p: { kind: string; message?: string }): void => void warnings.push(p.message ?? '')
    expect(await hostCredentials(host)('gcr.io/x/y', { progress })).toBeUndefined()
    expect(warnings).toEqual(['docker-credential-absent-helper is not installed'])
  })
})

test('the machine’s registries.conf and its drop-ins are read', async () => {
  using home = tempDir()
  const conf = join(home.path, 'registries.conf')
  mkdirSync(`${conf}.d`)
  writeFileSync(
    conf,
    'unqualified-search-registries = ["docker.io"]\n[[registry]]\nlocation = "bad.example"\nblocked = true\n',
  )
  writeFileSync(join(`${conf}.d`, '10.conf'), '[aliases]\n"tool" = "quay.io/team/tool"\n')
  const config = await readRegistriesConfig(machineHost({ HOME: home.path, CONTAINERS_REGISTRIES_CONF: conf }))
  expect(config.containers.unqualifiedSearch).toEqual(['docker.io'])
  expect(config.containers.aliases).toEqual({ tool: 'quay.io/team/tool' })
  expect(() => openRepository('bad.example/a/b', { config })).toThrow('blocked')
})
