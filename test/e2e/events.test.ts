import { afterEach, describe, expect, test } from 'bun:test'
import { cairnNode, lacking, needsRoot, setUp, skipReason, type TestNode } from '#testkit'

const skip = skipReason('events', needsRoot(), lacking('crun', 'conmon'))

let node: TestNode

setUp(skip, async (use) => {
  node = use(await cairnNode())
})

afterEach(async () => {
  if (skip) return
  await node.removeContainers()
  expect(node.leftovers()).toEqual([])
})

const until = (): string[] => ['--until', (Date.now() / 1000).toFixed(3)]

describe.skipIf(skip)('events', () => {
  test('a container’s life, in the foreground and in the background; volumes and images', async () => {
    // From now on somebody listens.
    expect(await node.must(['events', '--since', '0', ...until()])).toBe('')
    const since = ['--since', (Date.now() / 1000).toFixed(3)]
    await node.must([
      'run',
      '--rm',
      '--name',
      'brief',
      '--network',
      'none',
      '-l',
      'who=me',
      'busybox',
      'sh',
      '-c',
      'exit 0',
    ])
    await node.must(['run', '-d', '--name', 'web', '--network', 'none', '-v', 'vol:/v', 'busybox', 'sleep', '1000'])
    for (const words of [
      ['pause', 'web'],
      ['unpause', 'web'],
      ['rename', 'web', 'www'],
      ['update', '--pids-limit', '9', 'www'],
      ['kill', 'www'],
    ])
      await node.must(words)
    await node.must(['wait', 'www'])
    await node.must(['rm', 'www'])
    await node.must(['volume', 'rm', 'vol'])
    await node.must(['tag', 'busybox', 'other:1'])
    await node.must(['rmi', 'other:1'])
    const said = (...args: string[]): Promise<string> => node.must(['events', ...since, ...until(), ...args])
    const format = ['--format', '{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}']
    expect((await said(...format, '-f', 'type=container')).replaceAll('<no value>', '-').replaceAll(/ -?$/gm, '')).toBe(
      'create brief,start brief,die brief 0,destroy brief,create web,start web,pause web,unpause web,rename www,update www,kill www,die www 137,destroy www,'
        .split(',')
        .map((line) => line && `container ${line}`)
        .join('\n'),
    )
    expect(await said('-f', 'type=volume', '--format', '{{.Action}} {{.Actor.ID}}')).toBe('create vol\ndestroy vol\n')
    expect(await said('-f', 'image=other', '--format', '{{.Action}} {{.Actor.ID}}')).toBe(
      'tag other:1\nuntag other:1\n',
    )
    const line = await said('-f', 'label=who=me', '-f', 'event=die')
    expect(line).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z container die [0-9a-f]{64} \(exitCode=0, image=busybox, name=brief, who=me\)\n$/,
    )
    const json = JSON.parse(await said('-f', 'container=www', '-f', 'event=rename', '--json')) as object
    expect(json).toMatchObject({
      status: 'rename',
      from: 'busybox',
      Actor: { Attributes: { name: 'www', oldName: 'web' } },
      scope: 'local',
    })
    expect((await node.cairn(['events', '-f', 'daemon=x'])).stderr).toContain("invalid filter 'daemon'")
  })

  test('is told as it happens', async () => {
    const child = Bun.spawn(
      node.argv(['events', '--since', '0', '--format', '{{.Action}} {{.Actor.Attributes.name}}']),
      { stdout: 'pipe' },
    )
    const reader = child.stdout.getReader()
    let said = ''
    const reads = async (line: string): Promise<void> => {
      while (!said.includes(`${line}\n`)) said += new TextDecoder().decode((await reader.read()).value)
    }
    await node.must(['create', '--name', 'seen', '--network', 'none', 'busybox', 'true'])
    await reads('create seen')
    await node.must(['start', 'seen'])
    await reads('die seen')
    child.kill('SIGINT')
    await child.exited
  })
})
