import { afterEach, describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, must, needsRoot, setUp, skipReason, tempDir, type TestNode } from '#testkit'

const skip = skipReason('cp', needsRoot(), lacking('crun', 'conmon', 'tar'))

let node: TestNode

setUp(skip, async (use) => {
  node = use(await cairnNode())
})

afterEach(async () => {
  if (skip) return
  await node.removeContainers()
  expect(node.leftovers()).toEqual([])
})

/** A container in the background, ready when its script has made `/ready`. */
async function background(name: string, script: string, ...flags: string[]): Promise<void> {
  const command = ['sh', '-c', `${script}; mkdir -p /ready 2>/dev/null; exec sleep 1000`]
  await node.must(['run', '-d', '--name', name, '--network', 'none', ...flags, 'busybox', ...command])
  await node.must(['exec', name, 'sh', '-c', 'until [ -d /ready ]; do sleep 0.01; done'])
}

const inside = (name: string, script: string): Promise<string> => node.must(['exec', name, 'sh', '-c', script])
const cp = (...args: string[]): ReturnType<TestNode['cairn']> => node.cairn(['cp', ...args])

describe.skipIf(skip)('cp', () => {
  test('a container that runs: its volumes, binds and tmpfs are seen, its frozen files too', async () => {
    using dir = tempDir()
    const bound = join(dir.path, 'bound')
    mkdirSync(bound)
    writeFileSync(join(dir.path, 'f'), 'text')
    const flags = ['-v', `${bound}:/bound`, '-v', 'data:/data', '--tmpfs', '/scratch']
    await background('web', 'echo written > /scratch/s', ...flags)
    for (const place of ['bound', 'data', 'scratch']) await node.must(['cp', join(dir.path, 'f'), `web:/${place}`])
    expect(readFileSync(join(bound, 'f'), 'utf8')).toBe('text')
    expect(await inside('web', 'cat /data/f /scratch/f /scratch/s')).toBe('texttextwritten\n')
    await node.must(['pause', 'web'])
    await node.must(['container', 'cp', 'web:/scratch', dir.path])
    await node.must(['unpause', 'web'])
    expect(readdirSync(join(dir.path, 'scratch'))).toEqual(['f', 's'])
    await node.must(['rm', '-f', 'web'])
    await node.must(['volume', 'rm', 'data'])
  })

  test('one that does not run: never started or ended, with its volumes; it starts as before', async () => {
    using dir = tempDir()
    const file = join(dir.path, 'f')
    writeFileSync(file, 'text')
    await node.must([
      'create',
      '--name',
      'idle',
      '--network',
      'none',
      '-v',
      'vol:/etc',
      'busybox',
      'cat',
      '/new',
      '/etc/f',
    ])
    await node.must(['cp', file, 'idle:/new'])
    await node.must(['cp', file, 'idle:/etc'])
    // The image's files are in the volume, as at a first start.
    await node.must(['cp', 'idle:/etc/passwd', join(dir.path, 'passwd')])
    expect(readFileSync(join(dir.path, 'passwd'), 'utf8')).toContain('root')
    const volume = (await node.must(['volume', 'inspect', '-f', '{{.Mountpoint}}', 'vol'])).trim()
    expect(readFileSync(join(volume, 'f'), 'utf8')).toBe('text')
    expect(await node.must(['start', '-a', 'idle'])).toBe('texttext')
    await node.must(['cp', 'idle:/new', join(dir.path, 'back')])
    expect(readFileSync(join(dir.path, 'back'), 'utf8')).toBe('text')
    await node.must(['rm', 'idle'])
    await node.must(['volume', 'rm', 'vol'])
  })

  test('tar on either side', async () => {
    using dir = tempDir()
    await background('web', 'mkdir -p /d/sub; echo one > /d/one; ln -s one /d/link; echo two > /d/sub/.wh.two')
    const out = Bun.spawn(node.argv(['cp', 'web:/d', '-']), { stdout: 'pipe' })
    await must(['tar', '-xf', '-', '-C', dir.path], { stdin: await new Response(out.stdout).bytes() })
    expect(await out.exited).toBe(0)
    expect(readlinkSync(join(dir.path, 'd/link'))).toBe('one')
    expect(readFileSync(join(dir.path, 'd/sub/.wh.two'), 'utf8')).toBe('two\n')
    const tar = await Bun.$`tar -cf - --owner 5 --group 6 -C ${dir.path} d`.quiet()
    await inside('web', 'mkdir /in')
    await node.must(['cp', '-', 'web:/in'], { stdin: tar.stdout })
    expect(await inside('web', 'cat /in/d/sub/.wh.two; stat -c %u:%g /in/d/one')).toBe('two\n5:6\n')
    const away = await Bun.$`tar -cPf - --transform s#^d/one#../../away# -C ${dir.path} d/one`.quiet()
    const refused = await node.cairn(['cp', '-', 'web:/in'], { stdin: away.stdout })
    expect(refused).toMatchObject({
      code: 1,
      stderr: 'cairn: cannot extract "../../away": path "../../away" leaves its root\n',
    })
    const cut = tar.stdout.subarray(0, 700)
    expect((await node.cairn(['cp', '-', 'web:/in'], { stdin: cut })).stderr).toContain('truncated')
  })

  test('owners: the caller’s outside, as they are inside, and with -a the other way about', async () => {
    using dir = tempDir()
    await must(['install', '-o', '1234', '-g', '5678', '/dev/null', join(dir.path, 'f')])
    await background('web', 'echo > /theirs', '--user', '0:0')
    await inside('web', 'chown 7:8 /theirs')
    await node.must(['cp', 'web:/theirs', dir.path])
    expect(statSync(join(dir.path, 'theirs'))).toMatchObject({ uid: 0, gid: 0 })
    await node.must(['cp', '-a', 'web:/theirs', dir.path])
    expect(statSync(join(dir.path, 'theirs'))).toMatchObject({ uid: 7, gid: 8 })
    await node.must(['cp', join(dir.path, 'f'), 'web:/kept'])
    await node.must(['cp', '-a', join(dir.path, 'f'), 'web:/own'])
    expect(await inside('web', 'stat -c %u:%g /kept /own')).toBe('1234:5678\n0:0\n')
  })

  test('what is read-only stays as it is, running or not', async () => {
    using dir = tempDir()
    const file = join(dir.path, 'f')
    writeFileSync(file, 'text')
    const flags = ['--read-only', '-v', `${dir.path}:/bound:ro`, '--tmpfs', '/scratch']
    await node.must(['run', '-d', '--name', 'ro', '--network', 'none', ...flags, 'busybox', 'sleep', '1000'])
    const attempt = async (): Promise<void> => {
      expect((await cp(file, 'ro:/new')).stderr).toContain('root file system of container ro is read-only')
      expect((await cp(file, 'ro:/bound/new')).stderr).toContain('/bound in container ro is read-only')
    }
    await attempt()
    expect((await cp(file, 'ro:/scratch/new')).code).toBe(0)
    await node.must(['kill', 'ro'])
    await attempt()
    expect(existsSync(join(dir.path, 'new'))).toBe(false)
  })

  test('what the kernel makes up is not copied, nor what can only be spoken to', async () => {
    using dir = tempDir()
    await background('web', 'mkdir -p /d; echo > /d/f; nc -lU /d/socket & true')
    expect((await cp('web:/proc/1/status', dir.path)).stderr).toContain('hint: cairn exec web cat /proc/1/status')
    expect((await cp('web:/', join(dir.path, 'all'))).code).toBe(0)
    expect(readdirSync(join(dir.path, 'all/proc'))).toEqual([])
    expect(readdirSync(join(dir.path, 'all/d'))).toEqual(['f'])
  })

  test('a container that swaps its directories for links leads nowhere outside', async () => {
    using dir = tempDir()
    const outside = join(dir.path, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'the host’s')
    const file = join(dir.path, 'file')
    writeFileSync(file, 'new')
    // The link leads to a place that there is both on the host and in the container.
    await background('evil', `mkdir -p ${outside} /swap; echo own > ${outside}/secret; echo own > /swap/secret`)
    const pid = (await node.must(['inspect', '-f', '{{.State.Pid}}', 'evil'])).trim()
    const theirs = `/proc/${pid}/root`
    symlinkSync(outside, join(theirs, 'link'))
    // A copy that comes when nothing has the name makes a directory of it, as Docker's does.
    const put = (from: string, to: string): void => {
      try {
        renameSync(join(theirs, from), join(theirs, to))
      } catch {
        rmSync(join(theirs, to), { recursive: true, force: true })
        renameSync(join(theirs, from), join(theirs, to))
      }
    }
    let swapping = true
    const swaps = (async () => {
      let count = 0
      for (; swapping; count++) {
        put('swap', 'kept')
        put('link', 'swap')
        await Bun.sleep(0)
        put('swap', 'link')
        put('kept', 'swap')
      }
      return count
    })()
    const said = new Set<string>()
    for (let i = 0; i < 12; i++) {
      const target = join(dir.path, `got${i}`)
      const [read] = await Promise.all([
        cp('evil:/swap/secret', target),
        cp(file, 'evil:/swap/new'),
        cp('-L', 'evil:/swap', join(dir.path, `tree${i}`)),
      ])
      if (read.code === 0) said.add(readFileSync(target, 'utf8'))
    }
    swapping = false
    expect(await swaps).toBeGreaterThan(100)
    expect([...said]).toEqual(['own\n'])
    expect(readdirSync(outside)).toEqual(['secret'])
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('the host’s')
    const entries = readdirSync(dir.path, { withFileTypes: true, recursive: true })
    // A link that came while it was copied is a link here, which this list follows: what it shows is no copy.
    const copies = entries
      .filter((entry) => entry.isFile() && entry.parentPath.includes('tree'))
      .filter((entry) => realpathSync(entry.parentPath) !== realpathSync(outside))
    // Empty: read between being made and being written.
    for (const { parentPath, name } of copies)
      expect(readFileSync(join(parentPath, name), 'utf8')).toMatch(/^(own\n|new|)$/)
  }, 120_000)

  test('says what is wrong', async () => {
    using dir = tempDir()
    await background('web', 'true')
    for (const [args, said] of [
      [['a:/b', 'c:/d'], 'copying between containers is not supported\nhint: cairn cp a:/b - | cairn cp - c:/d'],
      [['a', 'b'], 'must specify at least one container source'],
      [['web:/no', dir.path], 'could not find the file /no in container web'],
      [
        ['web:/etc', join(dir.path, 'no/such')],
        `invalid output path: directory "${join(dir.path, 'no')}" does not exist`,
      ],
      [['web:/etc/passwd/', dir.path], '/etc/passwd/: not a directory'],
      [['web:/etc/passwd', join(dir.path, 'no/')], `no such directory: ${join(dir.path, 'no/')}`],
      [[dir.path, 'web:/etc/passwd'], 'cannot copy directory: /etc/passwd is none'],
      [['-', 'web:/etc/passwd'], 'destination "web:/etc/passwd" must be a directory'],
      [['web:', dir.path], 'source can not be empty'],
      [[dir.path, 'nobody:/x'], 'no such container: nobody'],
    ] as const)
      expect(await cp(...args)).toMatchObject({ code: 1, stdout: '', stderr: `cairn: ${said}\n` })
  })
})
