import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cannotRun, openLab, runtimes, type Lab } from './lab.test.ts'

// Where process 1 is slow to reap orphans, a container's end is late by seconds.
setDefaultTimeout(60_000)
let lab: Lab
beforeAll(async () => {
  if (!cannotRun) lab = await openLab()
})
afterAll(() => lab?.close())

describe.skipIf(cannotRun).each(runtimes)('%s in the foreground', (runtime) => {
  const run = async (
    args: readonly string[],
    spec: object = {},
    stdin?: string,
  ): Promise<{ code: unknown; out: string; err: string }> => {
    const { results, stdout, stderr } = await lab.perform(
      runtime,
      { args, ...spec },
      [['run']],
      stdin === undefined ? {} : { stdin },
    )
    return { code: results[0], out: stdout, err: stderr }
  }
  const sh = (script: string, spec: object = {}, stdin?: string): ReturnType<typeof run> =>
    run(['sh', '-c', script], spec, stdin)

  test('passes stdio and the exit code through', async () => {
    expect(await sh('cat; echo problem >&2; exit 7', {}, 'hello')).toEqual({
      code: { code: 7 },
      out: 'hello',
      err: 'problem\n',
    })
  })
  describe('with a spec that comes later', () => {
    const later = async (args: readonly string[], pending: 'made' | 'refused', env: readonly string[] = []) =>
      lab.perform(runtime, { args, env: ['PATH=/bin', ...env] }, [['run', { pending }]])

    test('runs like any other', async () => {
      const { results, stdout, stderr } = await later(['sh', '-c', 'echo in; echo problem >&2; exit 7'], 'made')
      expect({ results, stdout, stderr }).toEqual({ results: [{ code: 7 }], stdout: 'in\n', stderr: 'problem\n' })
    })
    test('of more bytes than a pipe holds', async () => {
      const env = Array.from({ length: 300 }, (_, i) => `V${i}=${'x'.repeat(1000)}`)
      const { results, stdout } = await later(['sh', '-c', 'env | grep -c xxx'], 'made', env)
      expect({ results, stdout }).toEqual({ results: [{ code: 0 }], stdout: '300\n' })
    })
    test('that never comes: nothing is started, and the runtime says nothing', async () => {
      const { results, stderr } = await later(['true'], 'refused')
      expect({ results, stderr }).toEqual({
        results: [{ error: 'refused', code: 'unavailable', exitCode: 125 }],
        stderr: '',
      })
      lab.check()
    })
    test('of a command that is not there', async () => {
      const { results, stderr } = await later(['nosuch'], 'made')
      expect(results).toMatchObject([{ exitCode: 127 }])
      expect(stderr).toBe('')
      lab.check()
    })
  })
  test('SIGPIPE and SIGXFSZ, which this process ignores, are not ignored inside', async () => {
    const mask = /SigIgn:\s+(\S+)/.exec((await sh('grep SigIgn /proc/self/status')).out)?.[1] ?? ''
    expect(BigInt(`0x${mask}`) & ((1n << 12n) | (1n << 24n))).toBe(0n)
  })

  test.each([
    [['nosuch'], 127, 'exec: "nosuch": executable file not found in $PATH'],
    [['/no/such'], 127, 'exec: "/no/such": no such file or directory'],
    [['/etc/passwd'], 126, 'exec: "/etc/passwd": permission denied'],
    [['/etc'], 126, 'exec: "/etc": is a directory'],
  ])('%j: %d in one line', async (args, exitCode, error) => {
    const { code, err } = await run(args)
    expect(code).toMatchObject({ exitCode, error })
    expect(err).toBe('')
  })
  test.each([
    ['crlf', '#!/bin/sh\r\necho hi\n', 127, 'its interpreter "/bin/sh\\r" is not there'],
    ['foreign', '#! /no/such -e\n', 127, 'its interpreter "/no/such" is not there'],
    ['dynamic', undefined, 127, 'its loader "/lib'],
    ['text', 'echo hi\n', 126, 'exec format error'],
  ])('a command that nothing executes: %s', async (name, content, exitCode, error) => {
    const path = join(lab.rootfs, 'bin', name)
    if (content === undefined) copyFileSync('/bin/true', path)
    else writeFileSync(path, content)
    chmodSync(path, 0o755)
    const { code, err } = await run([name])
    expect(code).toMatchObject({ exitCode, error: expect.stringContaining(error) })
    expect(err).toBe('')
  })
  test('the same beside a mount that cannot bring the command', async () => {
    const { code, err } = await run(['nosuch'], { mounts: [{ type: 'tmpfs', target: '/opt' }] })
    expect(code).toMatchObject({ exitCode: 127 })
    expect(err).toBe('')
  })
  test.each([
    [['nosuch'], 127, 'exec: "nosuch": executable file not found in $PATH'],
    [['/opt/passwd'], 126, 'exec: "/opt/passwd": permission denied'],
  ])('%j when a mount keeps us from knowing before: %d', async (args, exitCode, error) => {
    const mounts = [{ type: 'bind', source: '/etc', target: '/opt', readonly: true }]
    const { code } = await run(args, { mounts, env: ['PATH=/bin:/opt'] })
    expect(code).toMatchObject({ exitCode, error })
  })
  test('a command that only a mount brings is run', async () => {
    const bin = join(lab.run, 'brought')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'hi'), '#!/bin/sh\necho hi\n')
    chmodSync(join(bin, 'hi'), 0o755)
    const mounts = [{ type: 'bind', source: bin, target: '/opt', readonly: true }]
    expect((await run(['/opt/hi'], { mounts })).out).toBe('hi\n')
  })
  test('anything else that goes wrong is 125', async () => {
    const mounts = [{ type: 'bind', source: '/no/such/source', target: '/x' }]
    expect((await run(['true'], { mounts })).code).toMatchObject({ exitCode: 125, code: 'internal' })
  })
  test("an exit code of 1 is the container's own", async () => {
    expect((await sh('exit 1')).code).toEqual({ code: 1 })
  })

  test("Docker's defaults hold inside", async () => {
    const script =
      'grep -E "^(CapEff|CapBnd|CapInh|Seccomp|NoNewPrivs):" /proc/self/status; ulimit -n; hostname; ls /sys/class/net; pwd'
    const { out } = await sh(script)
    expect(out.split('\n')).toEqual([
      'CapInh:\t0000000000000000',
      expect.stringContaining('CapEff:\t00000000a80425fb'),
      expect.stringContaining('CapBnd:\t00000000a80425fb'),
      'NoNewPrivs:\t0',
      'Seccomp:\t2',
      '1024',
      'box',
      'lo',
      '/',
      '',
    ])
  })
  test('what is masked is empty, what is read-only refuses, what is denied is denied', async () => {
    const script =
      'cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/panic; mknod /tmp/m b 7 0; cat /tmp/m; mount -t tmpfs t /mnt; rm -f /tmp/m; echo done'
    const { out, err } = await sh(`{ ${script}; } 2>&1`)
    expect(err).toBe('')
    expect(out).toMatch(
      /^0\n0\n.*Read-only file system\n.*Operation not permitted\n.*(?:permission denied|not permitted).*\ndone\n$/is,
    )
  })
  test('the loopback interface works', async () => {
    expect((await sh('ping -c 1 127.0.0.1 > /dev/null 2>&1; ip addr show lo 2>&1')).out).toMatch(/LOOPBACK,UP/)
  })
  test('user, groups, directory, environment', async () => {
    const user = { uid: 1000, gid: 50, additionalGids: [50, 60], home: '/home/user' }
    const { out } = await sh('id; pwd; echo $HOME $A; grep CapEff /proc/self/status', {
      user,
      cwd: '/new/dir',
      env: ['A=b c'],
    })
    expect(out).toMatch(/^uid=1000\S* gid=50\S* groups=50\S*,60\S*\n\/new\/dir\n\/home\/user b c\nCapEff:\t0+\n$/)
  })
  test('read-only root, tmpfs and bind mounts', async () => {
    const source = join(lab.run, 'shared')
    mkdirSync(source, { recursive: true })
    const mounts = [
      { type: 'tmpfs', target: '/scratch', options: 'size=1m,mode=700' },
      { type: 'bind', source, target: '/in', readonly: true },
      { type: 'bind', source, target: '/out' },
    ]
    const script =
      'touch /x; touch /in/x; echo yes > /out/y; cat /in/y; touch /scratch/z; grep " /scratch " /proc/mounts'
    const { out } = await sh(`{ ${script}; } 2>&1`, { readonlyRootfs: true, mounts })
    expect(out).toMatch(
      /\/x: Read-only.*\n.*\/in\/x: Read-only.*\nyes\ntmpfs \/scratch tmpfs rw,nosuid,nodev,noexec,.*size=1024k,mode=700/,
    )
    expect(existsSync(join(source, 'y'))).toBe(true)
  })
  test('memory, cpu and process limits hold', async () => {
    const resources = { memory: 32 * 1024 * 1024, cpus: 0.5, pidsLimit: 7 }
    const group = '/sys/fs/cgroup'
    const script = `cat ${group}/memory/memory.limit_in_bytes ${group}/cpu/cpu.cfs_quota_us ${group}/pids/pids.max 2>/dev/null || cat ${group}/memory.max ${group}/cpu.max ${group}/pids.max`
    expect((await sh(script, { resources })).out).toMatch(/^33554432\n50000\D[^7]*7\n$/)
  })
  test('ulimits and no-new-privileges', async () => {
    const spec = { ulimits: [{ name: 'nofile', soft: 64, hard: 128 }], security: { noNewPrivileges: true } }
    expect((await sh('ulimit -n; ulimit -Hn; grep NoNew /proc/self/status', spec)).out).toBe(
      '64\n128\nNoNewPrivs:\t1\n',
    )
  })
  test('privileged: no filter, and /sys can be written', async () => {
    const { out } = await sh('grep Seccomp: /proc/self/status; grep -c "^sysfs /sys sysfs rw" /proc/mounts', {
      privileged: true,
    })
    expect(out).toBe('Seccomp:\t0\n1\n')
  })
  test('a root that tries to lead us out by symlinks does not', async () => {
    symlinkSync('/../../../../../../../bin', join(lab.rootfs, `out-${runtime}`))
    expect((await run([`/out-${runtime}/hostname`])).out).toBe('box\n')
  })

  test('giving up ends the container at once', async () => {
    const { results } = await lab.perform(runtime, { args: ['sleep', '1000'] }, [
      ['run', { abortAfterMs: 300 }],
      ['state'],
    ])
    expect(results).toEqual([expect.objectContaining({ code: 'canceled' }), null])
  })
  test.each([2, 5, 8, 12, 18, 25])(
    'giving up after %d ms, anywhere in creating, leaves nothing',
    async (abortAfterMs) => {
      const { results } = await lab.perform(runtime, { args: ['sleep', '1000'] }, [
        ['run', { abortAfterMs }],
        ['state'],
        ['processes'],
      ])
      expect(results).toEqual([expect.objectContaining({ code: 'canceled' }), null, 0])
      lab.check()
    },
  )
})
