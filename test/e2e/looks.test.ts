import { afterEach, describe, expect, test } from 'bun:test'
import { cairnNode, lacking, needsRoot, setUp, skipReason, type TestNode } from '#testkit'

const skip = skipReason('port, top and diff', needsRoot(), lacking('crun', 'conmon'))

let node: TestNode

setUp(skip, async (use) => {
  node = use(await cairnNode())
})

afterEach(async () => {
  if (skip) return
  const ids = (await node.must(['ps', '-aq'])).split('\n').filter(Boolean)
  if (ids.length > 0) await node.must(['rm', '-f', ...ids])
  expect(node.leftovers()).toEqual([])
})

describe.skipIf(skip)('port, top and diff', () => {
  test('port: all, one, and none', async () => {
    const ports = ['-p', '127.0.0.1:18081:80', '-p', '18082:90/udp', '-p', '127.0.0.1:18083:80']
    await node.must(['run', '-d', '--name', 'web', ...ports, 'busybox', 'sleep', '1000'])
    const all = await node.must(['port', 'web'])
    expect(all.split('\n').slice(0, 3)).toEqual([
      '80/tcp -> 127.0.0.1:18081',
      '80/tcp -> 127.0.0.1:18083',
      '90/udp -> 0.0.0.0:18082',
    ])
    expect(await node.must(['container', 'port', 'web', '80'])).toBe('127.0.0.1:18081\n127.0.0.1:18083\n')
    expect(await node.must(['port', 'web', '90/udp'])).toStartWith('0.0.0.0:18082\n')
    const none = await node.cairn(['port', 'web', '90'])
    expect(none).toMatchObject({ code: 1, stderr: "cairn: no public port '90/tcp' published for web\n" })
    expect((await node.cairn(['port', 'web', 'http'])).stderr).toContain('invalid port "http"')
    await node.must(['kill', 'web'])
    expect(await node.must(['port', 'web'])).toBe('')
  })

  test('top: the container’s processes and no others; what they call themselves does not reach the terminal', async () => {
    const script = 'sleep 1001 & mkdir /ready; wait'
    const evil = 'e\u001b[2Jvil'
    await node.must(['run', '-d', '--name', 'web', '--network', 'none', 'busybox', 'sh', '-c', script, evil])
    await node.must(['exec', 'web', 'sh', '-c', 'until [ -d /ready ]; do sleep 0.01; done'])
    await node.must(['run', '-d', '--name', 'other', '--network', 'none', 'busybox', 'sleep', '1003'])
    const said = await node.must(['top', 'web', '-o', 'pid,ppid,args'])
    for (const not of ['\u001b', '1003']) expect(said).not.toContain(not)
    const [first, second, ...more] = said
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(/\s+/))
    expect(more).toEqual([])
    expect(first?.slice(2).join(' ')).toBe('sh -c sleep 1001 & mkdir /ready; wait e?[2Jvil')
    expect(second?.slice(1).join(' ')).toBe(`${first?.[0]} sleep 1001`)
    await node.must(['kill', 'web'])
    expect(await node.cairn(['top', 'web'])).toMatchObject({ code: 1, stderr: 'cairn: container web is not running\n' })
  })

  test('diff: of a run that has ended, and that is in the foreground', async () => {
    const script = ': >> /etc/passwd; echo > /etc/new; rm /etc/group; mkdir /d'
    await node.must(['run', '--name', 'done', '--network', 'none', 'busybox', 'sh', '-c', script])
    expect(await node.must(['diff', 'done'])).toBe('A /d\nC /etc\nD /etc/group\nA /etc/new\n')
    const child = Bun.spawn(
      node.argv([
        'run',
        '--rm',
        '-i',
        '--name',
        'now',
        '--network',
        'none',
        'busybox',
        'sh',
        '-c',
        'mkdir /x; echo up; cat',
      ]),
      {
        stdin: 'pipe',
        stdout: 'pipe',
      },
    )
    await child.stdout.getReader().read()
    expect(await node.must(['diff', 'now'])).toBe('A /x\n')
    expect(await node.must(['top', 'now', '-o', 'args'])).toBe('COMMAND\ncat\n')
    await child.stdin.end()
    expect(await child.exited).toBe(0)
    expect((await node.cairn(['diff', 'nobody'])).code).toBe(1)
  })
})
