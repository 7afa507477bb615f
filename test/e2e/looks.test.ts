import { afterEach, describe, expect, test } from 'bun:test'
import { cairnNode, lacking, needsRoot, setUp, skipReason, type TestNode } from '#testkit'

const skip = skipReason('port, top, stats and diff', needsRoot(), lacking('crun', 'conmon'))

let node: TestNode

setUp(skip, async (use) => {
  node = use(await cairnNode())
})

afterEach(async () => {
  if (skip) return
  await node.removeContainers()
  expect(node.leftovers()).toEqual([])
})

describe.skipIf(skip)('port, top, stats and diff', () => {
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

  test('stats: what runs, with -a what does not, in docker’s columns and fields', async () => {
    const script = `ping -c 2 $(ip route | sed -n 's/default via //; s/ .*//p'); mkdir /ready; while :; do :; done`
    await node.must(['run', '-d', '--name', 'busy', '-m', '64m', 'busybox', 'sh', '-c', script])
    await node.must(['create', '--name', 'idle', 'busybox', 'true'])
    await node.must(['exec', 'busy', 'sh', '-c', 'until [ -d /ready ]; do sleep 0.01; done'])
    const table = await node.must(['stats', '--no-stream'])
    expect(table).toMatch(/^CONTAINER ID {3}NAME {6}CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS\n/)
    expect(table.split('\n')).toHaveLength(3)
    const json = await node.must(['container', 'stats', '--no-stream', '-a', '--json'])
    const rows = json
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
    const [idle, busy] = ['idle', 'busy'].map((name) => rows.find(({ Name }) => Name === name)!)
    expect(idle).toMatchObject({
      CPUPerc: '0.00%',
      MemUsage: '0B / 0B',
      NetIO: '0B / 0B',
      BlockIO: '0B / 0B',
      PIDs: '0',
    })
    expect(busy?.['MemUsage']).toMatch(/^[\d.]+[KM]iB \/ 64MiB$/)
    expect(busy?.['PIDs']).toBe('1')
    for (const field of ['CPUPerc', 'MemPerc']) expect(Number.parseFloat(busy![field]!)).toBeGreaterThan(0)
    for (const side of busy!['NetIO']!.split(' / ')) expect(side).toMatch(/^[1-9][\d.]*k?B$/)
    expect((await node.cairn(['stats', '--no-stream', 'nobody'])).stderr).toBe('cairn: no such container: nobody\n')
  })

  test('stats goes on until what it looks at is gone', async () => {
    await node.must(['run', '-d', '--name', 'web', '--network', 'none', 'busybox', 'sleep', '1000'])
    const child = Bun.spawn(node.argv(['stats', '--format', '{{.Name}} {{.PIDs}}', 'web']), { stdout: 'pipe' })
    const reader = child.stdout.getReader()
    let said = ''
    while (said.split('\n').length < 3) said += new TextDecoder().decode((await reader.read()).value)
    expect(said).toBe('web 1\nweb 1\n')
    await node.must(['rm', '-f', 'web'])
    expect(await child.exited).toBe(0)
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
