import { afterEach, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, must, needsRoot, run, setUp, skipReason, tempDir, type TestNode } from '#testkit'

const skip = skipReason('lifecycle', needsRoot(), lacking('crun', 'conmon', 'curl'))

let node: TestNode

setUp(skip, async (use) => {
  node = use(await cairnNode())
})

afterEach(async () => {
  if (skip) return
  await node.removeContainers()
  expect(node.leftovers()).toEqual([])
})

const background = (...args: string[]): Promise<string> => node.must(['run', '-d', '--network', 'none', ...args])
const status = async (name: string): Promise<string> =>
  (await node.must(['inspect', '-f', '{{.State.Status}}', name])).trim()

describe.skipIf(skip)('a container’s life', () => {
  test('created, started, stopped, started again, removed; its files stay until then', async () => {
    const script = 'echo run >> /count; n=$(wc -l < /count); echo $n; : > /written$n; exec sleep 1000'
    const written = (count: number): Promise<string> =>
      node.must(['exec', 'one', 'sh', '-c', `until [ -e /written${count} ]; do sleep 0.01; done`])
    const id = (
      await node.must([
        'create',
        '--name',
        'one',
        '--network',
        'none',
        '--stop-signal',
        'KILL',
        'busybox',
        'sh',
        '-c',
        script,
      ])
    ).trim()
    expect(id).toMatch(/^[0-9a-f]{64}$/)
    expect(await status('one')).toBe('created')
    expect(await node.must(['start', 'one'])).toBe('one\n')
    expect(await status(id.slice(0, 8))).toBe('running')
    await written(1)
    expect(await node.must(['stop', 'one'])).toBe('one\n')
    expect(await status('one')).toBe('exited')
    await node.must(['restart', 'one'])
    await written(2)
    await node.must(['kill', 'one'])
    expect((await node.must(['wait', 'one'])).trim()).toBe('137')
    expect(await node.must(['logs', 'one'])).toBe('1\n2\n')
    expect((await node.cairn(['kill', 'one'])).stderr).toContain('not running')
    expect(await node.must(['rm', 'one'])).toBe('one\n')
    expect((await node.cairn(['inspect', 'one'])).code).toBe(1)
  })

  test('stop asks first', async () => {
    const script = 'trap "exit 3" TERM; mkfifo /ready; echo > /ready; while :; do sleep 0.05; done'
    await background('--name', 'polite', 'busybox', 'sh', '-c', script)
    await node.must(['exec', 'polite', 'sh', '-c', 'until [ -p /ready ]; do sleep 0.01; done; cat /ready'])
    await node.must(['stop', '-t', '60', 'polite'])
    expect((await node.must(['wait', 'polite'])).trim()).toBe('3')
  })

  test('a running one is removed by force alone', async () => {
    await background('--name', 'kept', 'busybox', 'sleep', '1000')
    const { code, stderr } = await node.cairn(['rm', 'kept'])
    expect(code).toBe(1)
    expect(stderr).toContain('container is running')
    const forced = await node.cairn(['rm', '-f', 'kept', 'never-was'])
    expect(forced).toMatchObject({ code: 0, stdout: 'kept\n', stderr: 'cairn: no such container: never-was\n' })
    expect(readdirSync(join(node.runDir, 'locks'))).toEqual([])
  })

  test('--rm goes by itself, detached too; whoever waits learns its code', async () => {
    const id = (await background('--rm', 'busybox', 'sh', '-c', 'sleep 0.3; exit 4')).trim()
    expect((await node.must(['wait', id])).trim()).toBe('4')
    expect(await node.must(['ps', '-aq'])).toBe('')
  })

  test('pause freezes, unpause goes on', async () => {
    await background('--name', 'cold', 'busybox', 'sleep', '1000')
    await node.must(['pause', 'cold'])
    expect(await node.must(['ps', '--format', '{{.Status}}'])).toContain('(Paused)')
    expect((await node.cairn(['exec', 'cold', 'true'])).stderr).toContain('paused')
    await node.must(['unpause', 'cold'])
    await node.must(['exec', 'cold', 'true'])
    await node.must(['pause', 'cold'])
    await node.must(['stop', '-t', '0', 'cold'])
  })

  test('an exit command of an earlier run leaves the next alone', async () => {
    await background('--name', 'again', 'busybox', 'sleep', '1000')
    const id = (await node.must(['ps', '-q', '--no-trunc', '-f', 'name=again'])).trim()
    // Like one that was slow: its parent is not the monitor of what runs now.
    await node.must(['_exit', id])
    expect(await node.must(['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'again'])).toBe('running 0\n')
    await node.must(['rm', '-f', 'again'])
  })

  test('names are unique, can be changed, and are checked', async () => {
    await background('--name', 'first', 'busybox', 'sleep', '1000')
    const taken = await node.cairn(['run', '-d', '--name', 'first', 'busybox', 'true'])
    expect(taken.code).toBe(125)
    expect(taken.stderr).toContain('already in use')
    await node.must(['rename', 'first', 'second'])
    expect(await status('second')).toBe('running')
    await background('--name', 'first', 'busybox', 'true')
    expect((await node.cairn(['rename', 'second', 'first'])).code).toBe(1)
    expect((await node.cairn(['create', '--name', 'not/good', 'busybox'])).code).toBe(125)
  })

  test('one that cannot be started says why and stays created', async () => {
    const { code, stderr } = await node.cairn([
      'run',
      '-d',
      '--name',
      'broken',
      '--network',
      'none',
      'busybox',
      '/none',
    ])
    expect(code).toBe(127)
    expect(stderr).toContain('/none')
    expect(await status('broken')).toBe('created')
    expect(await node.must(['inspect', '-f', '{{.State.Error}}', 'broken'])).toContain('/none')
  })

  test('start -a attaches, and answers with the exit code', async () => {
    await node.must(['create', '--name', 'later', '-i', '--network', 'none', 'busybox', 'sh', '-c', 'cat; exit 5'])
    const { code, stdout } = await run(node.argv(['start', '-ai', 'later']), { stdin: 'typed\n' })
    expect({ code, stdout }).toEqual({ code: 5, stdout: 'typed\n' })
  })

  test('--cidfile', async () => {
    using dir = tempDir()
    const file = join(dir.path, 'cid')
    const id = await background('--cidfile', file, 'busybox', 'true')
    expect(readFileSync(file, 'utf8')).toBe(id.trim())
    expect((await node.cairn(['run', '--cidfile', file, 'busybox', 'true'])).code).toBe(125)
  })
})

describe.skipIf(skip)('exec', () => {
  test('runs beside, with its own environment, user and directory', async () => {
    await background('--name', 'host', '-e', 'FROM=container', 'busybox', 'sleep', '1000')
    const script = 'echo $FROM $OWN $PWD $(id -u) $HOME; exit 3'
    const { code, stdout } = await node.cairn([
      'exec',
      '-e',
      'OWN=exec',
      '-w',
      '/tmp',
      '-u',
      'user',
      'host',
      'sh',
      '-c',
      script,
    ])
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'container exec /tmp 1000 /home/user\n' })
    expect(await node.cairn(['exec', 'host', 'nowhere'])).toMatchObject({
      code: 127,
      stderr: 'cairn: exec: "nowhere": executable file not found in $PATH\n',
    })
    for (const refused of [
      ['host', '/etc'],
      ['-w', '/nowhere', 'host', 'true'],
      ['-u', 'nobody-here', 'host', 'true'],
    ]) {
      const { code, stderr } = await node.cairn(['exec', ...refused])
      expect(code).toBe(126)
      expect(stderr.trim().split('\n')).toHaveLength(1)
    }
    expect((await node.cairn(['exec', '-d', 'host', 'nowhere'])).code).toBe(127)
    expect((await run(node.argv(['exec', '-i', 'host', 'cat']), { stdin: 'in\n' })).stdout).toBe('in\n')
    await node.must(['exec', '-d', 'host', 'sh', '-c', 'echo done > /done'])
    await node.must(['exec', 'host', 'sh', '-c', 'while [ ! -s /done ]; do sleep 0.02; done; cat /done'])
  })

  test('does not wait for what was left in the background', async () => {
    await background('--name', 'host', 'busybox', 'sleep', '1000')
    const started = performance.now()
    expect(await node.must(['exec', 'host', 'sh', '-c', 'sleep 500 & echo now'])).toBe('now\n')
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  test('of a container that does not run is refused', async () => {
    await node.must(['create', '--name', 'still', 'busybox', 'true'])
    const { code, stderr } = await node.cairn(['exec', 'still', 'true'])
    expect(code).toBe(1)
    expect(stderr).toContain('not running')
  })
})

describe.skipIf(skip)('logs', () => {
  test('both streams apart, from the end, with times, followed to the end', async () => {
    await background(
      '--name',
      'talker',
      'busybox',
      'sh',
      '-c',
      'for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf tail; sleep 0.3; echo more',
    )
    const { stdout, stderr } = await node.cairn(['logs', '-f', 'talker'])
    expect(stdout).toBe('out 1\nout 2\nout 3\ntailmore\n')
    expect(stderr).toBe('err 1\nerr 2\nerr 3\n')
    expect(await node.must(['logs', '-t', 'talker'])).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z out 1\n/)
    expect(await node.must(['logs', '--since', '1h', '--until', '1h', 'talker'])).toBe('')
    expect((await node.cairn(['logs', 'nobody'])).code).toBe(1)
    await background('--name', 'one-voice', 'busybox', 'sh', '-c', 'echo a; echo b; printf c; sleep 0.1; echo d')
    await node.must(['wait', 'one-voice'])
    expect(await node.must(['logs', '-n', '2', 'one-voice'])).toBe('b\ncd\n')
  })
})

describe.skipIf(skip)('networks', () => {
  test('a published port is reached, and free again afterwards', async () => {
    const script = 'mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www'
    for (let round = 0; round < 2; round++) {
      await node.must(['run', '-d', '--name', 'web', '-p', '127.0.0.1:18099:80', 'busybox', 'sh', '-c', script])
      expect(
        await must([
          'curl',
          '-s',
          '--retry',
          '20',
          '--retry-connrefused',
          '--retry-delay',
          '0',
          'http://127.0.0.1:18099/',
        ]),
      ).toBe('page\n')
      expect(await node.must(['ps', '--format', '{{.Ports}}'])).toBe('127.0.0.1:18099->80/tcp\n')
      const second = await node.cairn(['run', '--rm', '-p', '127.0.0.1:18099:80', 'busybox', 'true'])
      expect(second.code).toBe(125)
      expect(second.stderr).toMatch(/18099.*(in use|allocated|published)/)
      await node.must(['rm', '-f', 'web'])
    }
  }, 30_000)

  test('containers of the default network reach each other; none and host are what they say', async () => {
    await node.must([
      'run',
      '-d',
      '--name',
      'server',
      'busybox',
      'sh',
      '-c',
      'mkdir /www; echo here > /www/index.html; exec httpd -f -p 80 -h /www',
    ])
    const address = (await node.must(['inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'server'])).trim()
    expect(await node.must(['run', '--rm', 'busybox', 'wget', '-q', '-O-', `http://${address}/`])).toBe('here\n')
    expect(await node.must(['run', '--rm', '--network', 'none', 'busybox', 'ls', '/sys/class/net'])).toBe('lo\n')
    const host = readFileSync('/proc/sys/kernel/hostname', 'utf8')
    expect(await node.must(['run', '--rm', '--network', 'host', 'busybox', 'hostname'])).toBe(host)
  }, 30_000)
})

describe.skipIf(skip)('ps', () => {
  test('filters, formats and orders', async () => {
    await background('--name', 'a1', '--label', 'kind=x', 'busybox', 'sleep', '1000')
    await background('--name', 'b1', 'busybox', 'sh', '-c', 'exit 3')
    await node.must(['wait', 'b1'])
    const names = async (...args: string[]): Promise<string> =>
      (await node.must(['ps', ...args, '--format', '{{.Names}}'])).replaceAll('\n', ' ').trim()
    expect(await names()).toBe('a1')
    expect(await names('-a')).toBe('b1 a1')
    expect(await names('-l')).toBe('b1')
    expect(await names('-f', 'status=exited')).toBe('b1')
    expect(await names('-f', 'exited=3')).toBe('b1')
    expect(await names('-a', '-f', 'label=kind=x')).toBe('a1')
    expect(await names('-a', '-f', 'name=^b')).toBe('b1')
    expect(await names('-a', '-f', 'ancestor=busybox')).toBe('b1 a1')
    expect(await names('-a', '-f', 'before=b1')).toBe('a1')
    expect(await names('-a', '-f', 'health=none', '-f', 'since=a1')).toBe('b1')
    for (const wrong of ['status=gone', 'exited=x', 'before=nobody', 'health=fine', 'publish=web', 'name=(']) {
      const { code, stderr } = await node.cairn(['ps', '-a', '-f', wrong])
      expect({ wrong, code, lines: stderr.split('\n')[0] }).toEqual({
        wrong,
        code: 1,
        lines: wrong.startsWith('before') ? 'cairn: no such container: nobody' : `cairn: invalid filter '${wrong}'`,
      })
    }
    expect(await node.must(['ps', '--format', 'table {{.Names}}\t{{.Label "kind"}}\t{{.ID}}'])).toMatch(
      /^NAMES {5}kind {6}CONTAINER ID\na1 {8}x {9}[0-9a-f]{12}\n$/,
    )
    const rows = (await node.must(['ps', '-a', '--format', 'json']))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { Names: string; State: string })
    expect(rows.map((row) => row.State)).toEqual(['exited', 'running'])
    const [head, first] = (await node.must(['ps', '-a'])).split('\n')
    expect(head).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS {5}NAMES$/)
    expect(first).toMatch(/^[0-9a-f]{12} +busybox +"sh -c 'exit 3'" +.* ago +Exited \(3\) .* ago +b1$/)
    expect(await node.must(['ps', '--format', '{{.Size}}'])).toMatch(/^0B \(virtual [\d.]+MB\)\n$/)
    await node.must(['exec', 'a1', 'sh', '-c', 'mkdir /d; head -c 200000 /dev/zero > /d/f'])
    const sizes = '{{.SizeRw}} {{.SizeRootFs}}'
    const [written, total] = (await node.must(['inspect', '-s', '--format', sizes, 'a1'])).split(' ').map(Number)
    expect(written).toBeGreaterThanOrEqual(200_000)
    expect(total! - written!).toBe(Number(await node.must(['image', 'inspect', '--format', '{{.Size}}', 'busybox'])))
    expect((await node.cairn(['ps', '--format', '{{.Nmaes}}'])).stderr).toContain('no field .Nmaes')
  })
})
