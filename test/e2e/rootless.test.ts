import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { busyboxRootfs, lacking, must, needsRoot, run, skipReason, type Ran } from '#testkit'

const skip = skipReason(
  'a user who is not root',
  needsRoot(),
  lacking('crun', 'conmon', 'newuidmap', 'nsenter', 'setpriv', 'slirp4netns'),
)
const ID = 34567
const built = process.env.CAIRN_BINARY ?? join(import.meta.dir, '../../dist/cairn')

describe.skipIf(skip)('a user who is not root', () => {
  let home: string
  /** Where the user can reach it, wherever this repository lies. */
  let binary: string
  /** The user's files of /etc, seen by the commands of this test alone. */
  let etc: string

  beforeAll(async () => {
    home = mkdtempSync('/var/tmp/cairn-user-')
    etc = mkdtempSync('/var/tmp/cairn-etc-')
    binary = join(home, 'cairn')
    copyFileSync(built, binary)
    for (const dir of ['run', 'context']) mkdirSync(join(home, dir), { mode: 0o700 })
    writeFileSync(join(etc, 'passwd'), `${readFileSync('/etc/passwd', 'utf8')}builder:x:${ID}:${ID}::${home}:/bin/sh\n`)
    for (const name of ['subuid', 'subgid']) writeFileSync(join(etc, name), 'builder:1000000:65536\n')
    writeFileSync(join(home, 'rootfs.tar'), readFileSync(await busyboxRootfs()))
    for (const path of [home, join(home, 'run'), join(home, 'context')]) chownSync(path, ID, ID)
    chmodSync(etc, 0o755)
    await succeed('import', '--change', 'CMD ["sh"]', join(home, 'rootfs.tar'), 'busybox')
  }, 60_000)

  afterAll(async () => {
    const holder = join(home, 'run/cairn/holder.json')
    if (existsSync(holder)) process.kill((JSON.parse(readFileSync(holder, 'utf8')) as { pid: number }).pid, 9)
    await must(['rm', '-rf', home])
    rmSync(etc, { recursive: true })
  })

  /** As the user, with the files of /etc put in place in a mount namespace that goes with the command. */
  const cairn = (...args: readonly string[]): Promise<Ran> => as('exec', args)
  const as = (become: string, args: readonly string[]): Promise<Ran> => {
    const mounts = ['passwd', 'subuid', 'subgid'].map((name) => `mount --bind ${etc}/${name} /etc/${name}`)
    const user = `${become} setpriv --reuid ${ID} --regid ${ID} --clear-groups -- "$@"`
    return run(['unshare', '--mount', 'sh', '-ec', [...mounts, user].join('; '), 'sh', binary, ...args], {
      cwd: join(home, 'context'),
      env: { HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), XDG_DATA_HOME: undefined, CAIRN_ROOT: undefined },
    })
  }
  const succeed = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cairn(...args)
    expect(code, stderr).toBe(0)
    return stdout
  }

  test('runs in the foreground, as root of a user namespace with IDs of its own', async () => {
    const map = await succeed(
      'run',
      '--rm',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'id -u; cat /proc/self/uid_map',
    )
    expect(map.split('\n').map((line) => line.trim().replace(/\s+/g, ' '))).toEqual([
      '0',
      `0 ${ID} 1`,
      '1 1000000 65535',
      '',
    ])
  })

  test('builds with every kind of mount', async () => {
    writeFileSync(join(home, 'context/f'), 'file\n')
    writeFileSync(
      join(home, 'context/mounts'),
      `FROM busybox AS made
RUN echo made > /m
FROM busybox
RUN --mount=target=/ctx,source=f --mount=from=made,source=/m,target=/made,rw --mount=type=tmpfs,target=/t \\
    --mount=type=cache,target=/c,uid=5 --mount=type=secret,id=s,uid=3,mode=0440 --mount=type=secret,id=s,env=S \\
    cat /ctx /made && echo x > /made && stat -c '%u %a' /c /run/secrets/s && touch /c/kept /t/x && [ -n "$S" ]`,
    )
    const flags = ['--progress', 'plain', '--network', 'none', '-f', 'mounts', '--secret', 'id=s,env=HOME']
    const { code, stderr } = await cairn('build', ...flags, '.')
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/ file\n[\s\S]* made\n[\s\S]* 5 755\n[\s\S]* 3 440\n/)
    expect(await succeed('cache-mount', 'ls', '--format', '{{.ID}} {{.Owner}}')).toBe('/c 5:0\n')
    await succeed('cache-mount', 'export', '/c', 'c.tgz')
    await succeed('cache-mount', 'import', 'other', 'c.tgz')
    await succeed('builder', 'prune', '-af')
    expect(await succeed('builder', 'du', '--json')).toBe('')
  }, 30_000)

  test('runs in the background: reached by exec, by its port, by its log', async () => {
    const serve = 'mkdir /w; echo found > /w/index.html; echo serving; exec httpd -f -p 80 -h /w'
    await succeed('run', '-d', '--name', 'web', '-p', '127.0.0.1::80', 'busybox', 'sh', '-c', serve)
    const port = /127\.0\.0\.1:(\d+)->80\/tcp/.exec(await succeed('ps'))?.[1]
    let page = ''
    for (const until = Date.now() + 10_000; page === '' && Date.now() < until;)
      page = await fetch(`http://127.0.0.1:${port}/`).then(
        (answer) => answer.text(),
        () => '',
      )
    expect(page).toBe('found\n')
    expect(await succeed('exec', 'web', 'id', '-u')).toBe('0\n')
    expect(await succeed('logs', 'web')).toBe('serving\n')
    await succeed('rm', '-f', 'web')
    expect(await succeed('ps', '-aq')).toBe('')
    const networks = await run(['pgrep', '-f', `slirp4netns.*${home}`])
    expect(networks.stdout).toBe('')
  })

  test('is looked at, copied to and from, and made an image of', async () => {
    const flags = ['--network', 'none', '-v', 'data:/data']
    await succeed('run', '-d', '--name', 'web', ...flags, 'busybox', 'sh', '-c', 'mkdir /ready; exec sleep 1000')
    await succeed('exec', 'web', 'sh', '-c', 'until [ -d /ready ]; do sleep 0.01; done')
    writeFileSync(join(home, 'context/in'), 'text')
    chownSync(join(home, 'context/in'), ID, ID)
    await succeed('cp', 'in', 'web:/data')
    expect(await succeed('exec', 'web', 'sh', '-c', 'cat /data/in; stat -c %u:%g /data/in')).toBe('text0:0\n')
    await succeed('cp', 'web:/etc/passwd', 'out')
    expect(statSync(join(home, 'context/out'))).toMatchObject({ uid: ID, gid: ID })
    expect(await succeed('top', 'web', '-o', 'user,args')).toMatch(/^USER +COMMAND\nroot +sleep 1000\n$/)
    expect(await succeed('stats', '--no-stream', '--format', '{{.Name}} {{.CPUPerc}} {{.PIDs}}')).toBe('web -- 1\n')
    expect(await succeed('diff', 'web')).toBe('A /data\nA /ready\n')
    expect((await cairn('update', '-m', '64m', 'web')).stderr).toContain('cannot be limited')
    await succeed('kill', 'web')
    await succeed('cp', 'in', 'web:/data/late')
    await succeed('commit', 'web', 'made')
    const shown = await succeed('run', '--rm', '-v', 'data:/data', '--network', 'none', 'made', 'ls', '/data', '/ready')
    expect(shown).toBe('/data:\nin\nlate\n\n/ready:\n')
    expect(await succeed('info', '-f', '{{json .SecurityOptions}}')).toContain('name=rootless')
    await succeed('rm', '-f', 'web')
    await succeed('rmi', 'made')
  }, 60_000)

  test('builds to the digest that root builds', async () => {
    const dockerfile =
      'FROM busybox\nRUN echo made > /made && chown 1000:1000 /made\nCOPY . /context\nUSER 1000\nRUN id -u > /tmp/user\n'
    writeFileSync(join(home, 'context/Dockerfile'), dockerfile)
    chownSync(join(home, 'context/Dockerfile'), ID, ID)
    const mine = await succeed('build', '-q', '.')
    const root = ['--root', join(home, 'root'), '--run', join(home, 'rootrun')]
    await must([binary, ...root, 'import', '--change', 'CMD ["sh"]', join(home, 'rootfs.tar'), 'busybox'])
    expect(await must([binary, ...root, 'build', '-q', join(home, 'context')])).toBe(mine)
    await must([binary, ...root, 'system', 'prune', '-af'])
  })

  test('what only root can give is refused by name', async () => {
    const { code, stderr } = await cairn('run', '--rm', '-m', '100m', 'busybox', 'true')
    expect(code).toBe(125)
    expect(stderr).toContain('cannot be limited')
  })

  /** What a first command finds: no namespace that an earlier one made. */
  const first = async (work: () => Promise<void>): Promise<void> => {
    const holder = join(home, 'run/cairn/holder.json')
    renameSync(holder, `${holder}.kept`)
    try {
      await work()
    } finally {
      renameSync(`${holder}.kept`, holder)
    }
  }

  test('without user namespaces one line says so, and doctor lists everything all the same', () =>
    first(async () => {
      // The kernel makes none for a process whose root is not that of its mounts: unshare(2), EPERM.
      const root = join(etc, 'root')
      mkdirSync(root)
      const become = `mount --rbind / ${root}; exec chroot ${root}`
      const { code, stderr } = await as(become, ['ps'])
      expect(code).toBe(1)
      expect(stderr).toMatch(
        /^cairn: not root, and no user namespace can be made: unshare: .*not permitted\nhint: allow /,
      )
      const doctor = await as(become, ['doctor'])
      expect(doctor.code).toBe(1)
      expect(doctor.stdout).toMatch(/^MISSING +user +not root, and no user namespace can be made: unshare: /)
      expect(doctor.stdout).toMatch(/^degraded +control groups +root’s/m)
      expect(doctor.stdout).toMatch(/^ok +runtime /m)
      expect(doctor.stdout).not.toContain('modprobe')
    }))

  test('without subordinate IDs one line says what to do', () =>
    first(async () => {
      writeFileSync(join(etc, 'subuid'), '')
      try {
        const { code, stderr } = await cairn('ps')
        expect(code).toBe(1)
        expect(stderr).toContain('/etc/subuid gives builder no IDs')
        expect(stderr).toContain('hint: usermod --add-subuids')
      } finally {
        writeFileSync(join(etc, 'subuid'), 'builder:1000000:65536\n')
      }
    }))
})
