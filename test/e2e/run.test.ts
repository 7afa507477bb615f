import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, needsRoot, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

const skip = skipReason('run', needsRoot(), lacking('crun', 'conmon'))

const hostPlatform = process.arch === 'x64' ? 'linux/amd64' : `linux/${process.arch}`
let node: TestNode
let dir: TempDir

beforeAll(async () => {
  if (skip) return
  dir = tempDir()
  node = await cairnNode()
}, 60_000)

afterAll(async () => {
  if (skip) return
  expect(node.leftovers()).toEqual([])
  await node[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

const run = (...args: string[]): Promise<string> => node.must(['run', '--rm', '--network', 'none', ...args])

describe.skipIf(skip)('run in the foreground', () => {
  test('passes output and exit code on, both streams apart', async () => {
    const { code, stdout, stderr } = await node.cairn([
      'run',
      '--rm',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 7',
    ])
    expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' })
  })

  test('127 and 126 for what is not there and cannot be executed, with and without a monitor', async () => {
    for (const flags of [['--rm'], []]) {
      const ran = async (command: string): Promise<number> =>
        (await node.cairn(['run', ...flags, '--network', 'none', 'busybox', command])).code
      expect(await ran('nowhere')).toBe(127)
      expect(await ran('')).toBe(127)
      expect(await ran('/no/where')).toBe(127)
      expect(await ran('/etc')).toBe(126)
      expect(await ran('/etc/passwd')).toBe(126)
    }
    await node.must(['container', 'prune', '-f'])
  })

  test('125 for our own refusals', async () => {
    for (const args of [['no-such-image'], ['--frobnicate', 'busybox'], ['--network', 'nowhere', 'busybox'], ['Upper']])
      expect((await node.cairn(['run', ...args])).code).toBe(125)
  })

  test('an empty name is none; host IPC needs nothing of the host; of a platform that is not here nothing runs', async () => {
    await node.must(['run', '--rm', '--name', '', '--ipc', 'host', '--network', 'none', 'busybox', 'true'])
    const on = (platform: string): ReturnType<typeof node.cairn> =>
      node.cairn(['run', '--rm', '--pull', 'never', '--network', 'none', '--platform', platform, 'busybox', 'true'])
    expect((await on(hostPlatform)).code).toBe(0)
    const { code, stderr } = await on('linux/s390x')
    expect(code).toBe(125)
    expect(stderr).toBe(`cairn: image busybox is for ${hostPlatform}, not for linux/s390x\n`)
    expect((await on('beos')).stderr).toContain('unknown operating system or architecture "beos"')
  })

  test('-i passes input on; without it there is none', async () => {
    const argv = (...flags: string[]): string[] =>
      node.argv(['run', ...flags, '--network', 'none', 'busybox', 'sh', '-c', 'cat; echo end'])
    const given = async (...flags: string[]): Promise<string> => {
      const child = Bun.spawn(argv(...flags), { stdin: new Blob(['some input\n']), stdout: 'pipe', stderr: 'inherit' })
      return new Response(child.stdout).text()
    }
    expect(await given('--rm', '-i')).toBe('some input\nend\n')
    expect(await given('--rm')).toBe('end\n')
    expect(await given('-i')).toBe('some input\nend\n')
  })

  test('three megabytes go through unchanged, in and out', async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000))
    const blob = new Blob(Array.from({ length: 50 }, () => bytes))
    for (const flags of [['--rm'], []]) {
      const child = Bun.spawn(node.argv(['run', ...flags, '-i', '--network', 'none', 'busybox', 'cat']), {
        stdin: blob,
        stdout: 'pipe',
        stderr: 'inherit',
      })
      const out = new Uint8Array(await new Response(child.stdout).arrayBuffer())
      expect(out.length).toBe(3_000_000)
      expect(Bun.hash(out)).toBe(Bun.hash(await blob.arrayBuffer()))
    }
  }, 30_000)

  test('its output can be opened again by name, whatever ours is', async () => {
    expect(await run('busybox', 'sh', '-c', 'echo x > /dev/stdout; echo y > /proc/self/fd/1')).toBe('x\ny\n')
  })

  test('signals to us reach the container', async () => {
    const child = Bun.spawn(
      node.argv([
        'run',
        '--rm',
        '--network',
        'none',
        'busybox',
        'sh',
        '-c',
        'trap "echo got it; exit 9" USR1; echo ready; while :; do sleep 0.05; done',
      ]),
      { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
    )
    let said = ''
    for await (const chunk of child.stdout) {
      said += new TextDecoder().decode(chunk)
      if (said === 'ready\n') child.kill('SIGUSR1')
    }
    expect(await child.exited).toBe(9)
    expect(said).toBe('ready\ngot it\n')
  })

  test('a signal to our whole process group, as a terminal sends it, reaches the container once', async () => {
    const script = 'trap "echo int" INT; trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'
    const argv = node.argv(['run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', script])
    // A process group of its own, which a terminal would signal as a whole.
    const child = Bun.spawn(['setsid', ...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
    let said = ''
    let asked = false
    for await (const chunk of child.stdout) {
      said += new TextDecoder().decode(chunk)
      if (said === 'ready\n') process.kill(-child.pid, 'SIGINT')
      if (!said.includes('int') || asked) continue
      asked = true
      // A second SIGINT would be answered within a turn of the loop.
      await node.must(['exec', (await node.must(['ps', '-lq'])).trim(), 'sleep', '0.2'])
      child.kill('SIGTERM')
    }
    expect(await child.exited).toBe(0)
    expect(said).toBe('ready\nint\n')
  })
})

describe.skipIf(skip)('what a container is given', () => {
  test('environment, directory, user, host name', async () => {
    const file = join(dir.path, 'env')
    writeFileSync(file, '# a comment\nFROM_FILE=one two\n\nHOME_OF\n')
    const said = await node.must(
      [
        'run',
        '--rm',
        '--network',
        'none',
        '-e',
        'A=b c',
        '-e',
        'PASSED',
        '--env-file',
        file,
        '-w',
        '/tmp',
        '-u',
        'user',
        '-h',
        'box',
        'busybox',
        'sh',
        '-c',
        'env | sort; pwd; id -u; hostname; cat /etc/hostname',
      ],
      { env: { PASSED: 'through', HOME_OF: 'caller' } },
    )
    expect(said).toContain('A=b c\n')
    expect(said).toContain('FROM_FILE=one two\n')
    expect(said).toContain('HOME_OF=caller\n')
    expect(said).toContain('PASSED=through\n')
    expect(said).toContain('HOME=/home/user\n')
    expect(said).toEndWith('/tmp\n1000\nbox\nbox\n')
  })

  test('entrypoints replace the image’s, and an empty one clears it', async () => {
    expect(await run('--entrypoint', 'echo', 'busybox', 'a', 'b')).toBe('a b\n')
    expect(await run('--entrypoint', '', 'busybox', 'echo', 'c')).toBe('c\n')
  })

  test('a read-only root with a tmpfs to write to', async () => {
    const said = await run(
      '--read-only',
      '--tmpfs',
      '/scratch:size=1m',
      'busybox',
      'sh',
      '-c',
      'touch /x 2>&1; echo y > /scratch/y && cat /scratch/y',
    )
    expect(said).toMatch(/Read-only file system\ny\n$/)
  })

  test('limits of memory, processors and processes, and ulimits', async () => {
    const said = await run(
      '-m',
      '64m',
      '--cpus',
      '0.5',
      '--pids-limit',
      '50',
      '--ulimit',
      'nofile=100:200',
      'busybox',
      'sh',
      '-c',
      'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; ulimit -n; ulimit -Hn',
    )
    expect(said).toContain('67108864\n')
    expect(said).toEndWith('100\n200\n')
  })

  test('too much memory is 137, and inspect says why', async () => {
    const script = 'x=a; while :; do x=$x$x; done'
    const { code } = await node.cairn([
      'run',
      '--name',
      'hungry',
      '--network',
      'none',
      '-m',
      '20m',
      'busybox',
      'sh',
      '-c',
      script,
    ])
    expect(code).toBe(137)
    expect(await node.must(['inspect', '-f', '{{.State.OOMKilled}} {{.State.ExitCode}}', 'hungry'])).toBe('true 137\n')
    await node.must(['rm', 'hungry'])
  }, 30_000)

  test('capabilities come and go', async () => {
    const caps = async (...flags: string[]): Promise<bigint> =>
      BigInt(
        `0x${(await run(...flags, 'busybox', 'sh', '-c', 'grep CapEff /proc/self/status')).split('\t')[1]!.trim()}`,
      )
    expect(await caps()).toBe(0xa80425fbn)
    expect(await caps('--cap-drop', 'ALL')).toBe(0n)
    expect(await caps('--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN')).toBe(1n << 12n)
    expect(await caps('--privileged')).toBeGreaterThan(0x3fffffffn)
  })

  test('a device by its CDI name', async () => {
    const cdi = join(dir.path, 'cdi')
    mkdirSync(cdi)
    writeFileSync(
      join(cdi, 'vendor.yaml'),
      `cdiVersion: 0.6.0
kind: vendor.com/test
devices:
  - name: one
    containerEdits:
      env: [CDI_DEVICE=one]
      deviceNodes: [{path: /dev/cdi-full, hostPath: /dev/full}]
      mounts: [{hostPath: ${join(cdi, 'vendor.yaml')}, containerPath: /opt/spec, options: [ro]}]
`,
    )
    const env = { CAIRN_CDI_SPEC_DIRS: cdi }
    const words = [
      'run',
      '--network',
      'none',
      '--name',
      'cdi',
      '--device',
      'vendor.com/test=one',
      'busybox',
      'sh',
      '-c',
    ]
    const script = 'head -c1 /dev/cdi-full | wc -c; echo $CDI_DEVICE; head -n1 /opt/spec'
    expect(await node.must([...words, script], { env })).toBe('1\none\ncdiVersion: 0.6.0\n')
    const [{ HostConfig }] = JSON.parse(await node.must(['inspect', 'cdi']))
    expect(HostConfig.DeviceRequests[0]).toMatchObject({ Driver: 'cdi', DeviceIDs: ['vendor.com/test=one'] })
    await node.must(['rm', 'cdi'])
    const none = await node.cairn(['run', '--rm', '--device', 'vendor.com/test=two', 'busybox', 'true'], { env })
    expect(none.code).toBe(125)
    expect(none.stderr).toContain('there is no device vendor.com/test=two\nhint: there are vendor.com/test=one')
  })

  test('an init as process 1', async () => {
    const { code, stdout } = await node.cairn([
      'run',
      '--rm',
      '--network',
      'none',
      '--init',
      'busybox',
      'sh',
      '-c',
      'cat /proc/1/comm; echo $$',
    ])
    if (code === 125) return // none is installed: refused by name, see doctor
    expect(stdout).toMatch(/init\n[2-9]\d*\n/)
  })

  test('hosts that were added', async () => {
    expect(await run('--add-host', 'there:10.1.2.3', 'busybox', 'cat', '/etc/hosts')).toContain('10.1.2.3\tthere\n')
  })
})

describe.skipIf(skip)('mounts', () => {
  test('a host directory, made when it is missing; read-only on request', async () => {
    const path = join(dir.path, 'made/here')
    await run('-v', `${path}:/data`, 'busybox', 'sh', '-c', 'echo one > /data/file')
    expect(readFileSync(join(path, 'file'), 'utf8')).toBe('one\n')
    const { stdout } = await node.cairn([
      'run',
      '--rm',
      '--network',
      'none',
      '-v',
      `${path}:/data:ro`,
      'busybox',
      'sh',
      '-c',
      'touch /data/x 2>&1; cat /data/file',
    ])
    expect(stdout).toMatch(/Read-only file system\none\n$/)
    expect(
      (await node.cairn(['run', '--rm', '--mount', `type=bind,src=${dir.path}/none,dst=/x`, 'busybox'])).code,
    ).toBe(125)
    expect(existsSync(join(dir.path, 'none'))).toBe(false)
  })

  test('a named volume takes what the image has, once, and stays', async () => {
    const context = join(dir.path, 'volume')
    mkdirSync(context)
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM busybox\nRUN mkdir -m 750 /data && echo from image > /data/file && chown 1000:50 /data\nVOLUME /data\n',
    )
    await node.must(['build', '--network', 'none', '-t', 'withvolume', context])
    const script = 'stat -c "%u:%g %a" /data; cat /data/file; echo changed > /data/file'
    expect(await run('-v', 'kept:/data', 'withvolume', 'sh', '-c', script)).toBe('1000:50 750\nfrom image\n')
    expect(await run('-v', 'kept:/data', 'withvolume', 'cat', '/data/file')).toBe('changed\n')
    expect(await run('-v', 'other:/data:nocopy', 'withvolume', 'ls', '/data')).toBe('')
    expect((await node.must(['volume', 'ls', '-q'])).split('\n').toSorted()).toEqual(['', 'kept', 'other'])
    expect((await node.cairn(['volume', 'rm', 'kept', 'other'])).code).toBe(0)
  })

  test('an anonymous volume goes with --rm and rm -v, and stays without', async () => {
    const volumes = async (): Promise<number> => (await node.must(['volume', 'ls', '-q'])).split('\n').length - 1
    await run('withvolume', 'true')
    expect(await volumes()).toBe(0)
    for (const flags of [['-v'], []]) {
      await node.must(['run', '--name', 'holder', '--network', 'none', 'withvolume', 'true'])
      expect(await volumes()).toBe(1)
      await node.must(['rm', ...flags, 'holder'])
    }
    expect(await volumes()).toBe(1)
    await node.must(['volume', 'prune', '-f'])
    expect(await volumes()).toBe(0)
  })

  test('a volume in use is not removed', async () => {
    await node.must(['create', '--name', 'user', '-v', 'busy:/x', 'busybox'])
    const { code, stderr } = await node.cairn(['volume', 'rm', 'busy'])
    expect(code).toBe(1)
    expect(stderr).toContain('in use')
    await node.must(['rm', 'user'])
    await node.must(['volume', 'rm', 'busy'])
  })
})
