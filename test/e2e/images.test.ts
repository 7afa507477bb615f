import { describe, expect, test } from 'bun:test'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  busyboxRootfs,
  cairnNode,
  lacking,
  must,
  needsRoot,
  run,
  setUp,
  skipReason,
  tempDir,
  type TempDir,
  type TestNode,
} from '#testkit'

const skip = skipReason('images', needsRoot(), lacking('crun'))

let node: TestNode
let dir: TempDir
let context: string

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode())
  context = join(dir.path, 'context')
  mkdirSync(context)
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM busybox\nRUN echo content > /file\nLABEL team=rocks\nCMD ["cat", "/file"]\n',
  )
})

const build = (...args: string[]): Promise<string> => node.must(['build', '-q', '--network', 'none', ...args, context])
const names = async (): Promise<string[]> =>
  (await node.must(['images', '--format', '{{.Repository}}:{{.Tag}}'])).trim().split('\n').toSorted()

const layerFiles = ({ root }: TestNode): number =>
  [...new Bun.Glob('layers/sha256/**/*').scanSync({ cwd: root, onlyFiles: true })].length

describe.skipIf(skip)('images', () => {
  test('build answers with the ID, names it several times, and again the same', async () => {
    const iid = join(dir.path, 'iid')
    const id = (await build('-t', 'app', '-t', 'other:v1', '--iidfile', iid)).trim()
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(await Bun.file(iid).text()).toBe(id)
    expect((await build('--no-cache')).trim()).toBe(id)
    expect(await names()).toEqual(['app:latest', 'busybox:latest', 'other:v1'])
    expect(await node.must(['images', '-q', 'app'])).toBe(`${id.slice(7, 19)}\n`)
    expect(await node.must(['images', '-q', '--no-trunc', '-f', 'label=team=rocks'])).toBe(`${id}\n`)
    for (const [filter, said] of [
      ['before=nobody', 'no such image: nobody'],
      ['dangling=maybe', "invalid filter 'dangling=maybe'"],
    ] as const)
      expect((await node.cairn(['images', '-f', filter])).stderr).toStartWith(`cairn: ${said}\n`)
    expect(await node.must(['run', '--rm', '--network', 'none', id.slice(7, 15)])).toBe('content\n')
    expect(await node.must(['inspect', '-f', '{{.Config.Labels.team}} {{json .Config.Cmd}}', 'app'])).toBe(
      'rocks ["cat","/file"]\n',
    )
    expect(await node.must(['history', '--format', '{{.CreatedBy}}', 'app'])).toContain('RUN /bin/sh -c echo content')
    await node.must(['rmi', 'app', 'other:v1'])
  })

  test('FROM takes an ID as listings show it, and no less: that is a name', async () => {
    const config = join(dir.path, 'config/containers')
    mkdirSync(config, { recursive: true })
    writeFileSync(join(config, 'registries.conf'), '[[registry]]\nlocation = "docker.io"\nblocked = true\n')
    const id = (await node.must(['images', '-q', 'busybox'])).trim()
    const from = async (base: string): Promise<[number, string]> => {
      writeFileSync(join(dir.path, 'Dockerfile'), `FROM ${base}\nLABEL a=b\n`)
      const { code, stderr } = await node.cairn(['build', '-q', '-t', 'based', dir.path], {
        env: { XDG_CONFIG_HOME: join(dir.path, 'config') },
      })
      return [code, stderr]
    }
    expect(await from(id)).toEqual([0, ''])
    await node.must(['rmi', 'based'])
    const short = id.slice(0, 3)
    expect(await from(short)).toEqual([1, expect.stringContaining(`docker.io/library/${short}`)])
  })

  test('tag and rmi: names come and go, the last takes the image along', async () => {
    await build('-t', 'app')
    await node.must(['tag', 'app', 'localhost:5000/team/app:v2'])
    expect(await names()).toContain('localhost:5000/team/app:v2')
    const id = (await node.must(['images', '-q', '--no-trunc', 'app'])).trim()
    const refused = await node.cairn(['rmi', id])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('multiple repositories')
    expect(await node.must(['rmi', 'app'])).toBe('Untagged: app:latest\n')
    expect(await node.must(['rmi', 'localhost:5000/team/app:v2'])).toContain(`Deleted: ${id}`)
    expect(await names()).toEqual(['busybox:latest'])
    expect((await node.cairn(['rmi', 'app'])).code).toBe(1)
    expect((await node.cairn(['tag', 'busybox', 'Bad/Name'])).code).toBe(1)
  })

  test('an image that a container uses is kept', async () => {
    await build('-t', 'app')
    await node.must(['create', '--name', 'user', '--network', 'none', 'app'])
    const refused = await node.cairn(['rmi', 'app'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('must force')
    expect(await node.must(['rmi', '-f', 'app'])).toBe('Untagged: app:latest\n')
    await node.must(['system', 'prune', '-f']).then(() => undefined)
    expect((await node.cairn(['inspect', 'user'])).code).toBe(1)
    await node.must(['image', 'prune', '-f'])
    expect(await names()).toEqual(['busybox:latest'])
  })

  test('force does not take an image from a running container, whatever ended ones there are', async () => {
    await build('-t', 'used')
    await node.must(['run', '--name', 'ended', '--network', 'none', 'used'])
    await node.must(['run', '-d', '--name', 'running', '--network', 'none', 'used', 'sleep', '1000'])
    const refused = await node.cairn(['rmi', '-f', 'used'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('running container')
    await node.must(['rm', '-f', 'ended', 'running'])
    await node.must(['rmi', 'used'])
  })

  test('forced away, an image still runs the container that has it', async () => {
    await build('-t', 'app')
    await node.must(['run', '--name', 'user', '--network', 'none', 'app'])
    const id = await node.must(['images', '-q', 'app'])
    await node.must(['rmi', '-f', 'app'])
    await node.must(['image', 'prune', '-f'])
    await node.must(['builder', 'prune', '-af'])
    expect(await node.must(['images', '-q'])).not.toContain(id)
    expect(await node.must(['images', '-aq'])).toContain(id)
    expect(await node.must(['start', '-a', 'user'])).toBe('content\n')
    await node.must(['rm', 'user'])
    expect(await node.must(['images', '-aq'])).not.toContain(id)
    expect(layerFiles(node)).toBe(1)
  })

  test('prune takes what its filters leave', async () => {
    await using own = await cairnNode({ busybox: true })
    const build = async (name: string, labels: string): Promise<void> => {
      const child = Bun.spawn(own.argv(['build', '-q', '-t', name, '-']), {
        stdin: new Blob([`FROM busybox\nLABEL ${labels}\n`]),
        stdout: 'ignore',
      })
      expect(await child.exited).toBe(0)
    }
    await build('one', 'team=rocks')
    await build('two', 'team=moss keep=yes')
    await own.must(['create', '--label', 'team=rocks', '--name', 'stays', 'busybox', 'true'])
    const names = async (): Promise<string> =>
      await own.must(['images', '--format', '{{.Repository}}', '-f', 'label=team'])
    await own.must(['image', 'prune', '-af', '--filter', 'until=1h'])
    await own.must(['image', 'prune', '-af', '--filter', 'label=team', '--filter', 'label!=team'])
    expect((await names()).split('\n').sort()).toEqual(['', 'one', 'two'])
    await own.must(['system', 'prune', '-af', '--filter', 'label!=keep', '--filter', 'label=team=rocks'])
    expect(await names()).toBe('two\n')
    expect(await own.must(['ps', '-aq'])).toBe('')
    await own.must(['volume', 'create', '--label', 'team=rocks', 'v'])
    await own.must(['volume', 'prune', '-af', '--filter', 'label!=team'])
    expect(await own.must(['volume', 'ls', '-q'])).toBe('v\n')
    expect((await own.cairn(['volume', 'prune', '-f', '--filter', 'until=1h'])).stderr).toContain(
      "invalid filter 'until'",
    )
  })

  test('prune -a empties the store down to nothing', async () => {
    const own = await cairnNode()
    await using _ = own
    await own.must(['build', '-q', '--network', 'none', context])
    await own.must(['system', 'prune', '-af'])
    expect(await own.must(['images', '-q'])).toBe('')
    expect((await own.must(['system', 'df', '-v'])).split('\n')[0]).toBe('Images space usage:')
    expect((await own.cairn(['system', 'df', '-v', '--format', 'json'])).code).toBe(1)
    const usage = (await own.must(['system', 'df', '--format', 'json']))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { Size: string })
    expect(usage.map((row) => row.Size)).toEqual(['0B', '0B', '0B', '0B'])
    expect(layerFiles(own)).toBe(0)
    const files = new Bun.Glob('content/sha256/**/*').scanSync({ cwd: own.root, onlyFiles: true })
    expect([...files]).toEqual([])
  })

  test('import takes standard input, compressed too, and instructions', async () => {
    const tar = await busyboxRootfs()
    const zipped = Bun.gzipSync(await Bun.file(tar).bytes())
    const plain = (await node.must(['import', tar])).trim()
    const changes = ['-c', 'ENTRYPOINT ["echo"]', '-c', 'CMD hello', '-c', 'ENV A=b', '-c', 'WORKDIR /tmp']
    const piped = await run(node.argv(['import', ...changes, '-m', 'a note', '-', 'from:stdin']), { stdin: zipped })
    expect(piped.code).toBe(0)
    expect(piped.stdout.trim()).not.toBe(plain)
    expect(
      await node.must(['run', '--rm', '--network', 'none', '--entrypoint', 'sh', 'from:stdin', '-c', 'echo $A $PWD']),
    ).toBe('b /tmp\n')
    expect(await node.must(['history', '--format', '{{.Comment}}', 'from:stdin'])).toBe('a note\n')
    expect(await node.must(['inspect', '-f', '{{json .Config}}', 'from:stdin'])).not.toContain('ArgsEscaped')
    expect((await node.cairn(['import', '-c', 'RUN true', tar])).stderr).toContain('not a valid change')
    await node.must(['rmi', 'from:stdin', plain])
  })

  test('save goes to a file or standard output, load takes either, and the digest is the same', async () => {
    await build('-t', 'app', '-t', 'app:again')
    const id = await node.must(['images', '-q', '--no-trunc', 'app'])
    const file = join(dir.path, 'saved.tar')
    await node.must(['save', '-o', file, 'app', 'app:again', 'busybox'])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await node.must(['rmi', 'app', 'app:again'])
    expect((await node.must(['load', '-i', file])).split('\n').toSorted().filter(Boolean)).toEqual([
      'Loaded image: app:again',
      'Loaded image: app:latest',
      'Loaded image: busybox:latest',
    ])
    expect(await node.must(['images', '-q', '--no-trunc', 'app'])).toBe(id)
    await node.must(['rmi', 'app', 'app:again'])
    const device = join(dir.path, 'null')
    await must(['mknod', device, 'c', '1', '3'])
    await node.must(['save', '-o', device, 'busybox'])
    expect(statSync(device).isCharacterDevice()).toBe(true)
    expect((await node.cairn(['save', '-o', dir.path, 'busybox'])).stderr).toContain('is a directory')
    expect((await node.cairn(['load', '-i', '/no/such'])).stderr).toBe('cairn: /no/such: no such file or directory\n')
    const piped = await run(node.argv(['load']), { stdin: await Bun.file(file).bytes() })
    expect(piped.code).toBe(0)
    expect(await node.must(['images', '-q', '--no-trunc', 'app'])).toBe(id)
    await node.must(['rmi', 'app', 'app:again'])
  })

  test('export shows what a container sees, stopped or running', async () => {
    await node.must([
      'run',
      '-d',
      '--name',
      'box',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'rm /etc/group; echo new > /new; exec sleep 1000',
    ])
    await node.must(['exec', 'box', 'sh', '-c', 'while [ ! -s /new ]; do sleep 0.02; done'])
    for (const stopped of [false, true]) {
      if (stopped) await node.must(['stop', '-t', '0', 'box'])
      const file = join(dir.path, 'box.tar')
      await node.must(['export', '-o', file, 'box'])
      const members = (await run(['tar', 'tf', file])).stdout.split('\n')
      expect(members).toContain('new')
      expect(members).toContain('bin/busybox')
      expect(members).not.toContain('etc/group')
    }
    await node.must(['rm', 'box'])
  })

  test('a Dockerfile’s mistake is shown at its line', async () => {
    const { code, stderr } = await run(node.argv(['build', '-f', '-', context]), {
      stdin: 'FROM busybox\n\nCOPPY a b\n',
    })
    expect(code).toBe(1)
    expect(stderr).toContain('3 | >>> COPPY a b')
    const failed = await run(node.argv(['build', '--network', 'none', '-f', '-', context]), {
      stdin: 'FROM busybox\nRUN echo why >&2; exit 12\n',
    })
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('why')
    expect(failed.stderr).toContain('exit code: 12')
    expect(failed.stderr).toContain('2 | >>> RUN echo why')
  })

  test('rawjson is one record a line', async () => {
    const { stderr } = await node.cairn(['build', '--progress', 'rawjson', '--network', 'none', context])
    const kinds = stderr
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { kind: string }).kind)
    expect(kinds).toContain('vertex')
  })
})
