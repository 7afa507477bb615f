import { describe, expect, test } from 'bun:test'
import { parseReference } from '#oci'
import { failure } from '#testkit'
import fc from 'fast-check'
import type { RegistryHost } from '../types.ts'
import { readCertificates } from './certs.ts'
import { isInsecureHost, isLoopback, NO_DAEMON_REGISTRIES, parseDaemonJson } from './daemonjson.ts'
import { NO_CONFIG, readRegistriesConfig, registryEndpoint, resolveEndpoints, searchCandidates } from './endpoints.ts'
import { mergeRegistriesConf, parseRegistriesConf } from './registriesconf.ts'

const CONF = `
unqualified-search-registries = ["docker.io", "quay.io"]
short-name-mode = "enforcing"

[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "mirror.example/hub"
[[registry.mirror]]
location = "plain.example:5000"
insecure = true
pull-from-mirror = "digest-only"

[[registry]]
location = "registry.example/secret"
blocked = true

[[registry]]
prefix = "registry.example"
location = "inner.example:8443/reg"

[[registry]]
prefix = "*.wild.example"
insecure = true

[aliases]
"tool" = "quay.io/team/tool"
`

/** Endpoints in short: host/path, with marks. */
function short(name: string, config: Parameters<typeof resolveEndpoints>[1]): string[] {
  return resolveEndpoints(parseReference(name), config).map(
    (e) =>
      `${e.host}/${e.path}${e.insecure ? ' insecure' : ''}${e.plainHttp ? ' http' : ''}${e.mirror ? ` ${e.mirror}` : ''}`,
  )
}

describe('registries.conf', () => {
  test('gives mirrors, rewritten places, blocks and wildcards', async () => {
    const config = { ...NO_CONFIG, containers: await parseRegistriesConf(CONF, 'registries.conf') }
    expect(short('debian:12', config)).toEqual([
      'mirror.example/hub/library/debian all',
      'plain.example:5000/library/debian insecure digest-only',
      'registry-1.docker.io/library/debian',
    ])
    expect(short('registry.example/team/app', config)).toEqual(['inner.example:8443/reg/team/app'])
    expect(() => short('registry.example/secret/app', config)).toThrow('blocked in registries.conf')
    expect(short('registry.example/secretly', config)).toEqual(['inner.example:8443/reg/secretly'])
    expect(short('a.b.wild.example/x', config)).toEqual(['a.b.wild.example/x insecure'])
    expect(short('wild.example/x', config)).toEqual(['wild.example/x'])
    expect(short('evilwild.example/x', config)).toEqual(['evilwild.example/x'])
    expect(short('quay.io/a/b', config)).toEqual(['quay.io/a/b'])
  })

  test('names short names', async () => {
    const conf = await parseRegistriesConf(CONF, 'registries.conf')
    expect(searchCandidates('tool:v1', conf)).toEqual(['quay.io/team/tool:v1'])
    expect(searchCandidates('app', conf)).toEqual(['docker.io/app', 'quay.io/app'])
    expect(searchCandidates('constructor', conf)).toEqual(['docker.io/constructor', 'quay.io/constructor'])
  })

  test('later files replace what they name', async () => {
    const first = await parseRegistriesConf(CONF, 'a')
    const second = await parseRegistriesConf(
      '[[registry]]\nlocation = "registry.example/secret"\n[aliases]\nb = "c/d"\n',
      'b',
    )
    const merged = mergeRegistriesConf([first, second])
    expect(merged.unqualifiedSearch).toEqual(['docker.io', 'quay.io'])
    expect(merged.registries.find((r) => r.prefix === 'registry.example/secret')?.blocked).toBe(false)
    expect(merged.registries.length).toBe(4)
    expect(merged.aliases).toEqual({ tool: 'quay.io/team/tool', b: 'c/d' })
  })

  test('what makes no sense is refused with the file’s name', async () => {
    for (const text of [
      '[[registry]]\n',
      '[[registry]]\nlocation = 3\n',
      '[[registry]]\nlocation = "https://x"\n',
      '[[registry]]\nlocation = "a b"\n',
      '[[registry]]\nprefix = "a.*.b"\nlocation = "x"\n',
      '[[registry]]\nlocation = "a"\nblocked = "yes"\n',
      '[[registry]]\nlocation = "a"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "never"\n',
      '[registries.search]\nregistries = ["a"]\n',
      'no toml',
      'unqualified-search-registries = "docker.io"\n',
    ])
      expect((await failure(parseRegistriesConf(text, '/etc/reg.conf'), 'invalid_argument')).message).toContain(
        '/etc/reg.conf',
      )
    await failure(parseRegistriesConf('#'.repeat(2 << 20), 'x'), 'resource_exhausted')
  })

  test('no text makes it fail otherwise', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 200 }), async (text) => {
        await parseRegistriesConf(text, 'x').catch((error: Error) => {
          if (error.name !== 'CairnError') throw error
        })
      }),
      { numRuns: 200 },
    )
  })
})

describe('daemon.json', () => {
  test('mirrors are Docker Hub’s; insecure hosts by name, port and range', () => {
    const docker = parseDaemonJson(
      '{"registry-mirrors":["http://m.example:5000/","https://n.example/x"],"insecure-registries":["r.example:5000","10.0.0.0/8","http://s.example/"],"debug":true}',
      'daemon.json',
    )
    const config = { ...NO_CONFIG, docker }
    expect(short('debian', config)).toEqual([
      'm.example:5000/library/debian http all',
      'n.example/x/library/debian all',
      'registry-1.docker.io/library/debian',
    ])
    expect(short('quay.io/a/b', config)).toEqual(['quay.io/a/b'])
    expect(short('r.example:5000/a', config)).toEqual(['r.example:5000/a insecure'])
    expect(short('r.example:5001/a', config)).toEqual(['r.example:5001/a'])
    expect(short('10.1.2.3:5000/a', config)).toEqual(['10.1.2.3:5000/a insecure'])
    expect(short('11.1.2.3:5000/a', config)).toEqual(['11.1.2.3:5000/a'])
    expect(registryEndpoint('s.example', config)).toEqual({ host: 's.example', path: '', insecure: true })
  })

  test('the loopback is insecure, what only looks like it is not', () => {
    for (const host of ['localhost', 'localhost:5000', '127.0.0.1:1', '127.9.9.9', '[::1]:5000'])
      expect(isLoopback(host)).toBe(true)
    for (const host of ['localhost.example', '128.0.0.1', '127.0.0.1.example', '127.0.0.256'])
      expect(isLoopback(host)).toBe(false)
    for (const entry of ['10.0.0.0/33', '10.0.0.0/-1', '/8', 'x/8', '10.0.0/8'])
      expect(isInsecureHost([entry], '10.0.0.1')).toBe(false)
  })

  test('bad values are refused', () => {
    for (const text of [
      '{"registry-mirrors":["ftp://x"]}',
      '{"registry-mirrors":["https://u:p@x"]}',
      '{"registry-mirrors":"x"}',
      '[',
    ])
      expect(() => parseDaemonJson(text, 'daemon.json')).toThrow('daemon.json')
  })
})

/** A machine out of a table of files. */
function machine(files: Readonly<Record<string, string>>): RegistryHost {
  return {
    env: {},
    home: '/home/ann',
    readFile: async (path) => files[path],
    listDirectory: async (path) =>
      Object.keys(files).flatMap((f) => (f.startsWith(`${path}/`) ? [f.slice(path.length + 1)] : [])),
    replaceFile: async () => undefined,
    run: async () => ({ code: 0, stdout: '', stderr: '' }),
  }
}

test('a machine without configuration has none', async () => {
  expect(await readRegistriesConfig(machine({}))).toEqual({
    containers: { registries: [], aliases: {} },
    docker: NO_DAEMON_REGISTRIES,
    insecure: [],
  })
})

test('the user’s file goes before the system’s, drop-ins after both', async () => {
  const config = await readRegistriesConfig(
    machine({
      '/etc/containers/registries.conf': '[[registry]]\nlocation = "system.example"\n',
      '/home/ann/.config/containers/registries.conf': '[[registry]]\nlocation = "own.example"\n',
      '/etc/containers/registries.conf.d/2.conf': '[[registry]]\nlocation = "two.example"\n',
      '/etc/containers/registries.conf.d/1.conf': '[[registry]]\nlocation = "one.example"\n',
      '/etc/docker/daemon.json': '{"insecure-registries":["i.example"]}',
    }),
  )
  expect(config.containers.registries.map((r) => r.prefix)).toEqual(['own.example', 'one.example', 'two.example'])
  expect(config.docker.insecure).toEqual(['i.example'])
})

test('certificates come from the first directory that has any', async () => {
  const host = machine({
    '/etc/containers/certs.d/r.example:5000/ca.crt': 'CA',
    '/etc/containers/certs.d/r.example:5000/me.cert': 'CERT',
    '/etc/containers/certs.d/r.example:5000/me.key': 'KEY',
    '/etc/docker/certs.d/r.example:5000/other.crt': 'OTHER',
    '/etc/docker/certs.d/d.example/x.crt': 'X',
    '/etc/docker/certs.d/d.example/alone.cert': 'no key',
  })
  expect(await readCertificates(host, 'r.example:5000')).toEqual({ ca: ['CA'], client: { cert: 'CERT', key: 'KEY' } })
  expect(await readCertificates(host, 'd.example')).toEqual({ ca: ['X'] })
  for (const name of ['..', '../docker', 'none', '.']) expect(await readCertificates(host, name)).toEqual({ ca: [] })
})
