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

// `diff`, `top` and `commit`, by docker and by Cairn, of containers that have done the same.

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

describe.skipIf(skip)('diff, top and commit beside docker’s', () => {
  test('diff: what runs, what has ended, what never ran, what is not there', async () => {
    expect(sorted(await cairn(['diff', 'web']))).toEqual(sorted(await docker(['diff', 'web'])))
    for (const engine of [docker, cairn]) await engine(['create', '--name', 'idle', 'base', 'true'])
    for (const name of ['idle', 'nobody'])
      expect(sorted(await cairn(['diff', name]))).toEqual(sorted(await docker(['diff', name])))
  })

  test('top: columns, widths and what ps is asked for', async () => {
    const shape = ({ code, stdout }: Ran): object => ({
      code,
      // One process may have a number of a digit more; its column is as wide.
      out: stdout.replaceAll(/\d+/g, (n) => '9'.padEnd(n.length)),
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

  test('commit: configuration, history and files', async () => {
    const made = async (engine: Engine): Promise<object> => {
      const flags = ['-e', 'A=1', '-l', 'x=y', '-w', '/srv', '--user', '0', '--expose', '90', '--network', 'none']
      const script =
        'echo > /new; rm /etc/group; rm -r /usr; mkdir /usr; chmod 700 /tmp; ln /new /hard; : >> /etc/passwd'
      await engine(['run', '--name', 'done', ...flags, 'base', 'sh', '-c', script])
      const changes = ['CMD ["ls", "/"]', 'ENV B=2 A=3', 'LABEL q=r', 'VOLUME /v', 'EXPOSE 80', 'WORKDIR sub']
      const words = [...changes.flatMap((change) => ['-c', change]), '-a', 'me', '-m', 'why']
      const first = await engine(['commit', ...words, 'done', 'made:1'])
      const second = await engine(['commit', '--change', 'ENTRYPOINT ["sh", "-c"]', 'done', 'made:2'])
      const config = async (name: string): Promise<object> => {
        const { stdout } = await engine(['inspect', name])
        const [{ Config, Author, Comment }] = JSON.parse(stdout) as [Record<string, Record<string, unknown>>]
        const { Env, Cmd, Entrypoint, Labels, Volumes, ExposedPorts, StopSignal, WorkingDir, User } = Config!
        return {
          Env: (Env as string[]).toSorted(),
          Cmd: Cmd ?? null,
          Entrypoint: Entrypoint ?? null,
          Labels,
          Volumes: Volumes ?? null,
          ExposedPorts,
          StopSignal: StopSignal ?? null,
          WorkingDir,
          User,
          Author: Author ?? '',
          Comment: Comment ?? '',
        }
      }
      const find =
        'find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /.dockerenv -o -path /etc/mtab -o -path /v \\) -prune -o -exec stat -c "%n %F %a %u:%g %h" {} +'
      const listed = await engine(['run', '--rm', '--network', 'none', 'made:2', find])
      const ids = [first, second].map(({ code, stdout }) => [code, /^sha256:[0-9a-f]{64}\n$/.test(stdout)])
      return {
        ids,
        configs: [await config('made:1'), await config('made:2')],
        history: (
          await engine(['history', '--no-trunc', '--format', '{{.CreatedBy}} {{.Comment}}', 'made:1'])
        ).stdout.split('\n')[0],
        files: listed.stdout
          .split('\n')
          .filter((line) => !/^\/(etc\/(hosts|hostname|resolv.conf)|etc|srv|root)? /.test(line))
          .sort(),
        refused: await Promise.all(
          [['-c', 'RUN x', 'done'], ['nobody'], ['done', 'Not A Name']].map(
            async (args) => (await engine(['commit', ...args])).code,
          ),
        ),
      }
    }
    const [ours, theirs] = [await made(cairn), await made(docker)]
    expect(ours).toEqual(theirs)
  })
})
