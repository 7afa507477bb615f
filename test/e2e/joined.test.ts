import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, needsRoot, skipReason, tempDir, type TestNode } from '#testkit'

const skip = skipReason('joined', needsRoot(), lacking('crun', 'conmon'))

let node: TestNode

beforeAll(async () => {
  if (!skip) node = await cairnNode()
}, 60_000)

afterAll(async () => {
  if (skip) return
  expect(node.leftovers()).toEqual([])
  await node[Symbol.asyncDispose]()
})

const alone = ['run', '--rm', '--network', 'none'] as const

describe.skipIf(skip)('what one container has of another', () => {
  test('its network: addresses, names, ports that listen; by ID, so that it may be renamed', async () => {
    await node.must([
      'run',
      '-d',
      '--name',
      'web',
      'busybox',
      'sh',
      '-c',
      'echo served > /index.html; httpd -f -p 8080 -h /',
    ])
    const joined = ['--network', 'container:web', 'busybox', 'sh', '-c']
    const asked = 'until wget -qO- 127.0.0.1:8080 2>/dev/null; do :; done; hostname; cat /etc/hosts'
    for (const flags of [['--rm'], ['--name', 'guest']]) {
      const said = await node.must(['run', ...flags, ...joined, asked])
      expect(said).toBe(`served\n${await node.must(['exec', 'web', 'sh', '-c', 'hostname; cat /etc/hosts'])}`)
    }
    await node.must(['rename', 'web', 'site'])
    expect(await node.must(['start', '-a', 'guest'])).toStartWith('served\n')
    await node.must(['kill', 'site'])
    const { code, stderr } = await node.cairn(['start', 'guest'])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'cairn: cannot join the namespace of a container that does not run: site\nhint: cairn start site\n',
    })
    for (const more of [
      ['-p', '80:80'],
      ['-h', 'x'],
      ['--dns', '9.9.9.9'],
      ['--add-host', 'a:1.2.3.4'],
    ]) {
      const refused = await node.cairn(['run', '--rm', ...more, '--network', 'container:site', 'busybox', 'true'])
      expect(refused.code).toBe(125)
      expect(refused.stderr).toContain('conflicting options')
    }
    expect((await node.cairn(['run', '--rm', '--network', 'container:nobody', 'busybox', 'true'])).stderr).toContain(
      'nobody',
    )
    await node.must(['rm', 'site', 'guest'])
  }, 30_000)

  test('its processes, and it ends with them', async () => {
    await node.must(['run', '-d', '--name', 'first', '--network', 'none', 'busybox', 'sleep', '4711'])
    const seen = await node.must([
      ...alone,
      '--pid',
      'container:first',
      'busybox',
      'sh',
      '-c',
      'ps | grep -c "[s]leep 4711"',
    ])
    expect(seen).toBe('1\n')
    await node.must([
      'run',
      '-d',
      '--name',
      'second',
      '--network',
      'none',
      '--pid',
      'container:first',
      'busybox',
      'sleep',
      '1000',
    ])
    await node.must(['kill', 'first'])
    expect(await node.must(['wait', 'second'])).toBe('137\n')
    await node.must(['rm', 'first', 'second'])
  })

  test('its volumes and directories, read-only where asked; those of its own lie over them', async () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'f'), 'of the host\n')
    await node.must([
      'run',
      '--name',
      'data',
      '--network',
      'none',
      '-v',
      'named:/n',
      '-v',
      '/anonymous',
      '-v',
      `${dir.path}:/d`,
      '--tmpfs',
      '/t',
      'busybox',
      'sh',
      '-c',
      'echo 1 > /n/f; echo 2 > /anonymous/f',
    ])
    const from = (...words: string[]): ReturnType<TestNode['cairn']> =>
      node.cairn([...alone, '--volumes-from', ...words])
    expect((await from('data', 'busybox', 'cat', '/n/f', '/anonymous/f', '/d/f')).stdout).toBe('1\n2\nof the host\n')
    expect((await from('data', '-v', '/n', 'busybox', 'ls', '-A', '/n')).stdout).toBe('')
    expect((await from('data', 'busybox', 'ls', '-d', '/t')).code).toBe(1)
    expect((await from('data:ro', 'busybox', 'touch', '/d/g')).stderr).toContain('Read-only')
    expect((await from('data:wo', 'busybox', 'true')).code).toBe(125)
    expect((await from('nobody', 'busybox', 'true')).stderr).toContain('no such container: nobody')
    await node.must(['run', '--name', 'heir', '--network', 'none', '--volumes-from', 'data', 'busybox', 'true'])
    await node.must(['rm', '-v', 'data'])
    expect(await node.must(['start', '-a', 'heir'])).toBe('')
    await node.must(['rm', '-v', 'heir'])
    expect(await node.must(['volume', 'ls', '-q'])).toBe('named\n')
    await node.must(['volume', 'rm', 'named'])
  }, 20_000)
})

describe.skipIf(skip)('what a command line gives', () => {
  test('only the streams that are attached are shown', async () => {
    for (const flags of [['--rm'], ['--name', 'streams']]) {
      const { stdout, stderr } = await node.cairn([
        'run',
        '--network',
        'none',
        ...flags,
        '-a',
        'STDERR',
        'busybox',
        'sh',
        '-c',
        'echo out; echo err >&2',
      ])
      expect({ stdout, stderr }).toEqual({ stdout: '', stderr: 'err\n' })
    }
    expect(await node.must(['rm', 'streams'])).toBe('streams\n')
    expect((await node.cairn([...alone, '-a', 'stdlog', 'busybox', 'true'])).code).toBe(125)
  })

  test('no container without the file that its ID was to go to, and no such file without a container', async () => {
    using dir = tempDir()
    const file = join(dir.path, 'id')
    const made = (path: string, image = 'busybox'): ReturnType<TestNode['cairn']> =>
      node.cairn(['create', '--pull', 'never', '--cidfile', path, image, 'true'])
    expect((await made(join(dir.path, 'none/id'))).code).toBe(125)
    expect((await made(file, 'nowhere')).code).toBe(125)
    expect(existsSync(file)).toBe(false)
    expect((await made(file)).stdout).toBe(`${readFileSync(file, 'utf8')}\n`)
    expect((await made(file)).stderr).toContain('container ID file found')
    expect((await node.must(['ps', '-aq'])).split('\n')).toHaveLength(2)
    await node.must(['rm', readFileSync(file, 'utf8')])
  })

  test('labels from files, under those of the command line; no /dev/shm with --ipc none; a host name with _', async () => {
    using dir = tempDir()
    const file = join(dir.path, 'labels')
    writeFileSync(file, '# comment\na=file\nb\n')
    await node.must(['create', '--name', 'labelled', '--label-file', file, '-l', 'a=line', 'busybox'])
    expect(await node.must(['inspect', '-f', '{{json .Config.Labels}}', 'labelled'])).toBe('{"a":"line","b":""}\n')
    expect(await node.must(['logs', '-f', 'labelled'])).toBe('')
    await node.must(['rm', 'labelled'])
    expect((await node.cairn([...alone, '--ipc', 'none', 'busybox', 'ls', '-d', '/dev/shm'])).code).toBe(1)
    expect(await node.must([...alone, '--restart', 'no', '--no-healthcheck', '-h', 'a_b', 'busybox', 'hostname'])).toBe(
      'a_b\n',
    )
  })
})
