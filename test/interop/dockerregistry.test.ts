import { describe, expect, test } from 'bun:test'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLayout } from '#content'
import {
  cairnNode,
  lacking,
  must,
  needsRoot,
  sampleIndex,
  skipReason,
  startDockerRegistry,
  tempDir,
  type TempDir,
} from '#testkit'

// Every verb at Debian's docker-registry, which wants a certificate of its clients and a password, and has no
// referrers API.

const skip = skipReason(
  'docker-registry with TLS, client certificates and passwords',
  needsRoot(),
  lacking('docker-registry', 'openssl', 'skopeo'),
)

/** `certs.d` as docker, podman and containerd have it; the registry's authority is its own certificate. */
function trust(home: TempDir, host: string, ca: string): string {
  const certs = join(home.path, 'certs.d', host)
  mkdirSync(certs, { recursive: true })
  copyFileSync(ca, join(certs, 'ca.crt'))
  copyFileSync(ca, join(certs, 'client.cert'))
  copyFileSync(ca.replace(/\.crt$/, '.key'), join(certs, 'client.key'))
  return certs
}

describe.skipIf(skip)('docker-registry', () => {
  test('push, pull, copy, tags, referrers and deletion behind TLS both ways and a password', async () => {
    const users = { ann: 's3cret' }
    await using peer = await startDockerRegistry({ tls: true, clientCertificate: true, users })
    using home = tempDir()
    await using node = await cairnNode({
      env: { HOME: home.path, DOCKER_CONFIG: join(home.path, 'docker'), XDG_CONFIG_HOME: join(home.path, 'config') },
    })
    const at = (name: string): string => `${peer.host}/${name}`
    const cairn = async (...args: string[]): Promise<string> => (await node.must(args)).trim()
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await node.cairn(args)
      expect([args, code, stderr.trim().split('\n').length <= 2]).toEqual([args, 1, true])
      return stderr
    }
    const path = (name: string): string => join(home.path, name)
    const { index } = await sampleIndex(openLayout(path('layout'), { create: true }), 'v1')
    await cairn('tag', 'busybox', at('team/app:v1'))

    // Neither without a certificate nor without a password.
    expect(await refused('push', at('team/app:v1'))).toContain(peer.host)
    mkdirSync(path('config/containers'), { recursive: true })
    const certs = trust(home, peer.host, peer.ca!)
    await must(['cp', '-r', path('certs.d'), path('config/containers/')])
    expect(await refused('push', at('team/app:v1'))).toMatch(/401|unauthorized/)
    const wrong = await node.cairn(['login', '-u', 'ann', '--password-stdin', peer.host], { stdin: 'wrong' })
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.not.stringContaining('wrong\n')])
    await node.must(['login', '-u', 'ann', '--password-stdin', peer.host], { stdin: 's3cret' })

    // Push and pull, of an image and of an index.
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(await cairn('push', at('team/app:v1')))![1]!
    await cairn('rmi', at('team/app:v1'))
    expect(await cairn('pull', at('team/app:v1'))).toContain(`Digest: ${digest}`)
    expect(await cairn('copy', '-q', `oci:${path('layout')}:v1`, `docker://${at('team/app:multi')}`)).toBe(index.digest)
    expect(await cairn('copy', '-q', `docker://${at('team/app:multi')}`, `docker://${at('other/app:multi')}`)).toBe(
      index.digest,
    )
    expect(await cairn('copy', '-q', `docker://${at('other/app:multi')}`, `oci:${path('back')}:v1`)).toBe(index.digest)
    expect((await cairn('tags', at('team/app'))).split('\n').toSorted()).toEqual(['multi', 'v1'])
    writeFileSync(path('auth.json'), JSON.stringify({ auths: { [peer.host]: { auth: btoa('ann:s3cret') } } }))
    const skopeo = ['skopeo', 'inspect', '--cert-dir', certs, '--authfile', path('auth.json')]
    const seen = await must([...skopeo, '--format', '{{.Digest}}', `docker://${at('other/app:multi')}`])
    expect(seen.trim()).toBe(index.digest)

    // Referrers live under a tag, go along with a copy, and are taken out of the list one by one.
    writeFileSync(path('sbom.json'), '{"spdx":true}')
    for (const type of ['application/x-one', 'application/x-two'])
      await cairn('attach', '--artifact-type', type, at('team/app:multi'), path('sbom.json'))
    const list = async (name: string): Promise<{ digest: string; artifactType: string }[]> =>
      JSON.parse(await cairn('discover', '--format', 'json', at(name))).referrers
    const found = await list('team/app:multi')
    expect(found.map((d) => d.artifactType).toSorted()).toEqual(['application/x-one', 'application/x-two'])
    expect(await cairn('tags', at('team/app'))).toContain(index.digest.replace(':', '-'))
    await cairn('copy', '-q', '-r', `docker://${at('team/app:multi')}`, `docker://${at('third/app:v1')}`)
    expect((await list('third/app:v1')).map((d) => d.digest).toSorted()).toEqual(found.map((d) => d.digest).toSorted())
    await cairn('artifact', 'pull', '-o', path('out'), at(`third/app@${found[0]!.digest}`))
    expect(await Bun.file(path('out/sbom.json')).text()).toBe('{"spdx":true}')

    // What is deleted leaves the list. This registry deletes manifests, not tags.
    expect(await refused('delete', at('third/app:v1'))).toContain('deletes no tags')
    await cairn('delete', at(`third/app@${found[0]!.digest}`))
    expect((await list('third/app:v1')).map((d) => d.digest)).toEqual([found[1]!.digest])
    await cairn('delete', `docker://${at('third/app')}@${index.digest}`)
    expect(await refused('pull', at('third/app:v1'))).toContain('404')
    expect(await cairn('pull', at('team/app:v1'))).toContain(`Digest: ${digest}`)
  }, 120_000)
})
