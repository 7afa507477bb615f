import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, needsRoot, skipReason, tempDir, type Ran, type TestNode } from '#testkit'

describe.skipIf(skipReason('bake', needsRoot(), lacking('crun')))('bake', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await cairnNode()
  }, 60_000)
  afterAll(() => node[Symbol.asyncDispose]())

  /** Bakes a file in a directory of its own; answers also with what it wrote there. */
  const bake = async (file: string, ...args: readonly string[]): Promise<Ran & { metadata: Record<string, never> }> => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'docker-bake.hcl'), file)
    writeFileSync(join(dir.path, 'file'), 'content')
    const ran = await node.cairn(['bake', '--metadata-file', 'm.json', '--progress', 'plain', ...args], {
      cwd: dir.path,
    })
    return { ...ran, metadata: ran.code === 0 ? JSON.parse(readFileSync(join(dir.path, 'm.json'), 'utf8')) : {} }
  }

  test('targets that read each other, steps that they share once', async () => {
    const { code, stderr, metadata } = await bake(`
      group "default" { targets = ["one", "two"] }
      target "base" { dockerfile-inline = "FROM busybox\\nRUN echo base > /base" }
      target "_app" { contexts = { base = "target:base" } }
      target "one" {
        inherits = ["_app"]
        tags = ["one:1"]
        dockerfile-inline = "FROM base\\nRUN sleep 0.2; echo shared > /shared\\nCOPY file /one"
      }
      target "two" {
        inherits = ["_app"]
        tags = ["two:1"]
        dockerfile-inline = "FROM base\\nRUN sleep 0.2; echo shared > /shared\\nRUN cat /base /shared > /two"
      }`)
    expect(code, stderr).toBe(0)
    expect(Object.keys(metadata)).toEqual(['base', 'one', 'two'])
    expect(metadata['two']).toMatchObject({ 'image.name': 'docker.io/library/two:1' })
    expect(stderr.match(/\bsleep 0\.2.*\n#\d+ DONE/g)).toHaveLength(1)
    expect(await node.must(['run', '--rm', '--network', 'none', 'two:1', 'cat', '/two'])).toBe('base\nshared\n')
    expect(await node.must(['images', '-a', '--format', '{{.Repository}}:{{.Tag}}'])).not.toContain('<none>')
  })

  test('services of a Compose file, with what .env and another file say, under a bake file', async () => {
    using dir = tempDir()
    const write = (name: string, text: string): void => writeFileSync(join(dir.path, name), text)
    write('base.yaml', 'services: {base: {build: {args: {WHO: "${WHO}"}}}}')
    write('.env', 'WHO=env')
    write(
      'compose.yaml',
      `services:
  base.v1:
    extends: {file: base.yaml, service: base}
    build: {dockerfile_inline: "FROM busybox\\nARG WHO\\nRUN echo $$WHO > /who"}
  app:
    image: composed
    build:
      dockerfile_inline: "FROM base\\nARG MORE\\nRUN echo $$MORE >> /who"
      additional_contexts: {base: "service:base.v1"}
  db: {image: never-pulled}`,
    )
    write('docker-bake.hcl', 'target "app" { args = { MORE = "bake" } }')
    const { code, stderr } = await node.cairn(['bake', '--progress', 'plain'], { cwd: dir.path })
    expect(code, stderr).toBe(0)
    expect(await node.must(['run', '--rm', '--network', 'none', 'composed', 'cat', '/who'])).toBe('env\nbake\n')
  })

  test('one failure ends all, and is the one that is told', async () => {
    const { code, stderr } = await bake(`
      group "default" { targets = ["slow", "broken"] }
      target "slow" { dockerfile-inline = "FROM busybox\\nRUN sleep 600" }
      target "broken" { dockerfile-inline = "FROM busybox\\nRUN exit 3" }`)
    expect(code).toBe(1)
    expect(stderr).toMatch(/cairn: process "\/bin\/sh -c exit 3" did not complete successfully: exit code: 3/)
  })

  test('what a file asks for beyond its builds has to be granted', async () => {
    const { code, stderr } = await bake('target "default" { network = "host" }')
    expect(code).toBe(1)
    expect(stderr).toContain('hint: grant it with --allow=network.host')
  })

  test('what build refuses a target is refused by name', async () => {
    const { code, stderr } = await bake('target "default" { policy = ["x.rego"] }')
    expect(code).toBe(1)
    expect(stderr).toContain('bake default: --policy is not supported')
  })
})
