import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cairnNode,
  lacking,
  lackingSshd,
  must,
  needsRoot,
  setUp,
  skipReason,
  startDockerd,
  startSshd,
  tempDir,
  type Dockerd,
  type TempDir,
  type TestNode,
} from '#testkit'

// `docker-daemon:` finds the daemon as docker's own command line does: TLS, SSH, contexts.

const skip = skipReason('a Docker daemon that is elsewhere', needsRoot(), lacking('dockerd', 'openssl'))
const withoutSshd = skip || skipReason('a Docker daemon behind a real SSH server', lackingSshd())

let dir: TempDir
let docker: Dockerd
let node: TestNode
let address: string

const path = (name: string): string => join(dir.path, name)

/** A certificate of our own authority, for a server at the loopback and for a client. */
async function certificates(): Promise<void> {
  const openssl = (...args: string[]): Promise<string> => must(['openssl', ...args])
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...key,
    '-subj',
    '/CN=ca',
    '-days',
    '2',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
  )
  for (const name of ['server', 'client']) {
    await openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', path(`${name}.key`), '-out', path(`${name}.csr`))
    writeFileSync(path('ext'), `subjectAltName=IP:127.0.0.1\nextendedKeyUsage=${name}Auth\n`)
    const authority = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial']
    const files = ['-in', path(`${name}.csr`), '-out', path(`${name}.pem`)]
    await openssl('x509', '-req', ...authority, ...files, '-days', '2', '-extfile', path('ext'))
  }
  mkdirSync(path('certs'))
  for (const [from, to] of [
    ['ca.pem', 'ca.pem'],
    ['client.pem', 'cert.pem'],
    ['client.key', 'key.pem'],
  ] as const)
    writeFileSync(path(`certs/${to}`), readFileSync(path(from)))
}

/** The daemon says its port a little after its socket is there. */
async function portOf(daemon: Dockerd): Promise<string> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = /API listen on 127\.0\.0\.1:(\d+)/.exec(readFileSync(join(daemon.root, 'dockerd.log'), 'utf8'))?.[1]
    if (found !== undefined) return found
    await daemon.docker(['version'])
  }
  throw new Error('dockerd does not say where it listens')
}

setUp(skip, async (use) => {
  dir = use(tempDir())
  await certificates()
  const tls = [`--tlscacert=${path('ca.pem')}`, `--tlscert=${path('server.pem')}`, `--tlskey=${path('server.key')}`]
  docker = use(await startDockerd({ args: ['--host', 'tcp://127.0.0.1:0', '--tlsverify', ...tls] }))
  address = `tcp://127.0.0.1:${await portOf(docker)}`
  node = use(await cairnNode({ env: { HOME: dir.path, DOCKER_CONFIG: path('docker') } }))
})

/** There and back: the image has one ID. */
async function roundTrip(name: string, env: Record<string, string>): Promise<void> {
  await node.must(['copy', 'busybox', `docker-daemon:${name}:v1`], { env })
  await node.must(['copy', `docker-daemon:${name}:v1`, `${name}:v2`], { env })
  const idOf = (ref: string): Promise<string> => node.must(['inspect', '--format', '{{.Id}}', ref])
  expect(await idOf(`${name}:v2`)).toBe(await idOf('busybox'))
}

describe.skipIf(skip)('a Docker daemon', () => {
  test('is asked over TLS with the certificates of DOCKER_CERT_PATH, and not without', async () => {
    const env = { DOCKER_HOST: address, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: path('certs') }
    await roundTrip('tls', env)
    mkdirSync(path('none'))
    for (const wrong of [{ ...env, DOCKER_CERT_PATH: path('none') }, { DOCKER_HOST: address }]) {
      const { code, stderr } = await node.cairn(['copy', 'busybox', 'docker-daemon:x:v1'], { env: wrong })
      expect([code, stderr.trim().split('\n').length <= 2]).toEqual([1, true])
    }
    const odd = await node.cairn(['copy', 'busybox', 'docker-daemon:x:v1'], { env: { DOCKER_HOST: 'npipe://x' } })
    expect([odd.code, odd.stderr]).toEqual([1, expect.stringContaining('unix://, tcp:// and ssh://')])
  }, 60_000)

  test('is the one of the current context', async () => {
    const context = ['context', 'create', 'far', '--docker']
    const files = `ca=${path('certs/ca.pem')},cert=${path('certs/cert.pem')},key=${path('certs/key.pem')}`
    const env = { DOCKER_CONFIG: path('docker'), DOCKER_HOST: '' }
    await must([docker.client, ...context, `host=${address},${files}`], { env })
    await roundTrip('named', { DOCKER_CONTEXT: 'far' })
    await must([docker.client, 'context', 'use', 'far'], { env })
    await roundTrip('current', {})
    const { code, stderr } = await node.cairn(['copy', 'busybox', 'docker-daemon:x:v1'], {
      env: { DOCKER_CONTEXT: 'no' },
    })
    expect([code, stderr]).toEqual([1, expect.stringContaining('"no" names no daemon')])
  }, 60_000)

  test.skipIf(withoutSshd)(
    'is reached through SSH, as docker does it',
    async () => {
      await using sshd = await startSshd('false')
      // The daemon over there is not the machine's own.
      const client = path('ssh')
      const remote = `env DOCKER_HOST=unix://${docker.socket} PATH=/usr/local/bin:/usr/bin:/bin`
      writeFileSync(client, `#!/bin/sh\nto="$1 $2 $3 $4"\nshift 4\nexec ${sshd.client} $to ${remote} "$@"\n`)
      chmodSync(client, 0o755)
      const env = { DOCKER_HOST: `ssh://127.0.0.1:${sshd.port}`, CAIRN_SSH: client }
      await roundTrip('over-ssh', env)
      const { code, stderr } = await node.cairn(['copy', 'busybox', 'docker-daemon:x:v1'], {
        env: { ...env, CAIRN_SSH: '/bin/false' },
      })
      expect([code, stderr]).toEqual([1, expect.stringContaining('cannot reach the Docker daemon')])
    },
    60_000,
  )
})
