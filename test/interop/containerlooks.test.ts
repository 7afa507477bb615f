import { describe, expect, test } from 'bun:test'
import {
  busyboxRootfs,
  cairnNode,
  lacking,
  must,
  needsRoot,
  setUp,
  skipReason,
  startDockerd,
  type Ran,
  type RunOptions,
} from '#testkit'

// `diff` and `top`, by docker and by Cairn, of containers that have done the same.

const skip = skipReason(
  'diff and top beside docker’s',
  needsRoot(),
  lacking('dockerd', 'docker', 'crun', 'conmon', 'ps'),
)

type Engine = (args: readonly string[], options?: RunOptions) => Promise<Ran>

let docker: Engine
let cairn: Engine

const SCRIPT = `echo > /new; echo >> /etc/passwd; rm /etc/group; rm -r /var; mkdir -p /var/q; mkdir -p /a/b/c; : > /a/b/f
  chmod 700 /home 2>/dev/null; ln -s x /link; rm -rf /root; echo > /root; mkfifo /pipe; mkdir /tmp/t 2>/dev/null; rmdir /tmp/t
  rm -r /usr; mkdir /usr; echo > /usr/only; mkdir /gone; rmdir /gone; mkdir /ready; : >> /etc/shadow; touch -a /etc/shadow; sleep 2000 & exec sleep 1000`

setUp(skip, async (use) => {
  const daemon = use(await startDockerd())
  const node = use(await cairnNode({ busybox: false }))
  docker = (args, options) => daemon.docker(args, options)
  cairn = (args, options) => node.cairn(args, options)
  await docker(['import', await busyboxRootfs(), 'busybox'])
  // An image that has files where the container takes some away.
  const file =
    'FROM busybox\nRUN mkdir -p /var/log /usr/share/doc /etc /root && echo > /var/log/x && echo > /etc/group\n'
  for (const engine of [docker, cairn]) {
    if (engine === cairn) await node.must(['import', await busyboxRootfs(), 'busybox'])
    const built = await engine(['build', '-t', 'base', '--network', 'none', '-'], { stdin: file })
    expect({ code: built.code, said: built.code === 0 ? '' : built.stderr }).toEqual({ code: 0, said: '' })
    const flags = ['--network', 'none', '-v', 'vol:/data/deep', '--tmpfs', '/scratch/x']
    const ran = await engine(['run', '-d', '--name', 'web', ...flags, 'base', 'sh', '-c', SCRIPT])
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    await engine(['exec', 'web', 'sh', '-c', 'until [ -d /ready ]; do sleep 0.01; done'])
  }
})

const sorted = ({ code, stdout }: Ran): object => ({ code, lines: stdout.split('\n').sort() })

describe.skipIf(skip)('diff and top beside docker’s', () => {
  test('diff: what runs, what has ended, what never ran, what is not there', async () => {
    expect(sorted(await cairn(['diff', 'web']))).toEqual(sorted(await docker(['diff', 'web'])))
    for (const engine of [docker, cairn]) await engine(['create', '--name', 'idle', 'base', 'true'])
    for (const name of ['idle', 'nobody'])
      expect(sorted(await cairn(['diff', name]))).toEqual(sorted(await docker(['diff', name])))
  })

  test('top: columns, widths and what ps is asked for', async () => {
    const shape = ({ code, stdout }: Ran): object => ({
      code,
      out: stdout.replaceAll(/\d+/g, (n) => n.replaceAll(/./g, '9')),
    })
    for (const options of [[], ['-ef'], ['ax'], ['-e'], ['-o', 'pid,user,nlwp,s,ni,comm,args'], ['--bad']]) {
      const [ours, theirs] = await Promise.all([cairn(['top', 'web', ...options]), docker(['top', 'web', ...options])])
      // Memory, times and loads are each container's own.
      expect({ options, ...shape(ours) }).toEqual({ options, ...shape(theirs) })
    }
    const heading = async (engine: Engine): Promise<string> =>
      (await engine(['top', 'web', 'aux'])).stdout.split('\n')[0]!
    expect(await heading(cairn)).toBe(await heading(docker))
    for (const name of ['nobody', 'stopped']) {
      for (const engine of [docker, cairn]) await engine(['create', '--name', 'stopped', 'base', 'true'])
      expect((await cairn(['top', name])).code).toBe((await docker(['top', name])).code)
    }
  })

  test('top counts as ps does', async () => {
    const pid = (await cairn(['inspect', '-f', '{{.State.Pid}}', 'web'])).stdout.trim()
    const columns = 'pid,ppid,pgid,sid,uid,gid,user,tty,stime,rss,vsz,stat,ni,pri,nlwp,args'
    const words = (text: string): string[] => text.split('\n')[1]!.trim().split(/\s+/)
    const ps = await must(['ps', '-o', columns, '-p', pid])
    expect(words((await cairn(['top', 'web', '-o', columns])).stdout)).toEqual(words(ps))
  })
})
