import { describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { closeSync, copyFileSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { isCode } from '#base'
import { tempDir } from '#testkit'
import { errnoOf } from './errno.ts'
import { close, fileSystem, memfd, pipe, startWriteback } from './file.ts'
import { lock, tryLock } from './lock.ts'
import { attachLoop } from './loop.ts'
import { hasSyscall } from './namespace.ts'
import { ready } from './poll.ts'
import { openReadonlyExecutable } from './readonlyexecutable.ts'
import * as processes from './process.ts'
import * as net from './socket.ts'
import { isTerminal, makeRaw, setTerminal, setWindowSize, windowSize } from './tty.ts'
import { inUserNamespace } from './usernamespace.ts'
import { getXattr, listXattrs, readXattrs, removeXattr, setXattr } from './xattr.ts'

const root = process.getuid?.() === 0

function caught(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

test.if(root)('a program from a read-only mount of its own runs, and cannot be written to', () => {
  using dir = tempDir()
  const path = join(dir.path, 'sh')
  copyFileSync('/bin/sh', path)
  closeSync(openSync(path, 'r+'))
  using program = openReadonlyExecutable(path)
  if (!program) return expect(hasSyscall('mount_setattr')).toBe(false)
  expect(execFileSync(program.path, ['-c', 'echo ran']).toString()).toBe('ran\n')
  expect(errnoOf(caught(() => openSync(program.path, 'r+')))).toBe('EROFS')
  expect(openReadonlyExecutable(join(dir.path, 'none'))).toBeUndefined()
})

test('locks exclude, share and are waited for', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'lock')
  const first = await lock(path)
  expect(tryLock(path)).toBeUndefined()
  const second = lock(path)
  const controller = new AbortController()
  const third = lock(path, {}, controller)
  controller.abort()
  expect(isCode(await third.catch((error: unknown) => error), 'canceled')).toBe(true)
  first.release()
  first.release()
  ;(await second).release()
  using a = tryLock(path, { shared: true })
  using b = tryLock(path, { shared: true })
  expect([a, b].every(Boolean)).toBe(true)
  expect(tryLock(path)).toBeUndefined()
})

test('pipes are real pipes that close on exec', () => {
  const { read, write } = pipe()
  expect(ready(read, 'read', 0)).toBe(false)
  expect(ready(write, 'write', 0)).toBe(true)
  writeSync(write, 'x')
  expect(ready(read, 'read', 1000)).toBe(true)
  const seen = (): string =>
    execFileSync('sh', ['-c', `test -e /proc/self/fd/${read} && echo open || echo closed`])
      .toString()
      .trim()
  expect(seen()).toBe('closed')
  close(write)
  readSync(read, Buffer.alloc(4))
  expect(ready(read, 'read', 0)).toBe(true) // its end
  close(read)
})

test('files: write-back, in memory, of a file system', () => {
  using dir = tempDir()
  const file = openSync(join(dir.path, 'file'), 'w+')
  writeSync(file, 'hello world')
  startWriteback(file, 0, 10)
  closeSync(file)
  close(memfd('anonymous'))
  expect(fileSystem(dir.path).available).toBeGreaterThan(0)
  expect(
    isCode(
      caught(() => fileSystem(join(dir.path, 'none'))),
      'not_found',
    ),
  ).toBe(true)
})

describe('processes', () => {
  test('are known by pid and start time; zombies are dead', async () => {
    const child = Bun.spawn(['sleep', '60'])
    const started = processes.processStartTime(child.pid)
    expect(processes.processAlive(child.pid, started)).toBe(true)
    expect(processes.processAlive(child.pid, (started ?? 0) + 1)).toBe(false)
    expect(processes.kill(child.pid, 9)).toBe(true)
    await processes.processEnd(child.pid, started)
    await child.exited
    expect(processes.kill(child.pid, 0)).toBe(false)
    expect(processes.bootId()).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('limits are read', () => {
    const limit = execFileSync('sh', ['-c', 'ulimit -Sn; ulimit -Hn']).toString().split('\n')
    const { soft, hard } = processes.getResourceLimit(processes.Resource.NOFILE)
    expect([soft, hard].map((n) => (n === Infinity ? 'unlimited' : String(n)))).toEqual(limit.slice(0, 2))
    const core = processes.getResourceLimit(processes.Resource.CORE)
    expect(core.hard).toBeGreaterThanOrEqual(core.soft)
  })

  test('what the kernel has', () => {
    expect([hasSyscall('openat2'), hasSyscall('pidfd_open')]).toEqual([true, true])
    expect(typeof inUserNamespace()).toBe('boolean')
  })
})

describe('sockets', () => {
  test('packets keep their borders', () => {
    using dir = tempDir()
    const path = join(dir.path, 'd'.repeat(100), 's')
    execFileSync('mkdir', [join(dir.path, 'd'.repeat(100))])
    const server = net.socket(net.AF_UNIX, net.SOCK_SEQPACKET)
    const near = openSync(join(dir.path, 'd'.repeat(100)), 'r')
    net.bind(server, net.unixAddress(`/proc/self/fd/${near}/s`))
    net.listen(server, 1)
    const client = net.connectUnixSeqpacket(path)
    expect(net.send(client, Buffer.from('one'))).toBe(3)
    expect(net.recv(client, Buffer.alloc(8), 1)).toBeUndefined()
    for (const fd of [client, server]) close(fd)
    closeSync(near)
    const refused = caught(() => net.connectUnixSeqpacket(path))
    expect(isCode(refused, 'unavailable')).toBe(true)
    expect(String(refused)).toContain(path)
    expect(
      isCode(
        caught(() => net.unixAddress('x'.repeat(200))),
        'invalid_argument',
      ),
    ).toBe(true)
  })

  test('netlink answers', () => {
    const fd = net.netlinkSocket(0)
    // RTM_GETLINK dump: nlmsghdr (length, type 18, flags request|dump, sequence 1, port 0) and an empty ifinfomsg
    const request = new Uint8Array(32)
    const view = new DataView(request.buffer)
    view.setUint32(0, 32, true)
    view.setUint16(4, 18, true)
    view.setUint16(6, 0x301, true)
    view.setUint32(8, 1, true)
    net.send(fd, request)
    const answer = Buffer.alloc(65536)
    expect(net.recv(fd, answer, 5000)).toBeGreaterThan(32)
    expect(answer.readUInt16LE(4)).toBe(16)
    close(fd)
  })
})

describe.skipIf(!root)('needs root: attributes and devices', () => {
  test('xattrs of files, symlinks and descriptors', () => {
    using dir = tempDir()
    const file = join(dir.path, 'f')
    writeFileSync(file, '')
    expect(listXattrs(file)).toEqual([])
    setXattr(file, 'user.empty', new Uint8Array())
    setXattr(file, 'user.big', new Uint8Array(2000).fill(7))
    const fd = openSync(file, 'r+')
    setXattr(fd, 'trusted.x', new Uint8Array([0, 1]))
    expect([...readXattrs(fd).keys()].sort()).toEqual(['trusted.x', 'user.big', 'user.empty'])
    expect(getXattr(file, 'user.empty')).toEqual(new Uint8Array())
    expect(getXattr(file, 'user.big')).toEqual(new Uint8Array(2000).fill(7))
    expect(getXattr(file, 'user.none')).toBeUndefined()
    removeXattr(fd, 'user.big')
    removeXattr(file, 'user.big')
    closeSync(fd)
    expect(listXattrs(file)).not.toContain('user.big')
    const refused = caught(() => setXattr(file, 'nonsense', new Uint8Array()))
    expect(errnoOf(refused)).toBe('EOPNOTSUPP')
  })

  test('a loop device detaches itself', () => {
    using dir = tempDir()
    const file = join(dir.path, 'image')
    writeFileSync(file, new Uint8Array(8192))
    {
      using device = attachLoop(file)
      expect(execFileSync('losetup', [device.path]).toString()).toContain(file.slice(0, 40))
    }
    expect(execFileSync('losetup', ['-a']).toString()).not.toContain(dir.path)
  })
})

test('terminals: raw mode and back, sizes', async () => {
  expect(isTerminal(openSync('/dev/null', 'r'))).toBe(false)
  const master = openSync('/dev/ptmx', 'r+')
  expect(isTerminal(master)).toBe(true)
  setWindowSize(master, { rows: 33, columns: 99 })
  expect(windowSize(master)).toEqual({ rows: 33, columns: 99 })
  const before = makeRaw(master)
  expect(makeRaw(master)).not.toEqual(before)
  setTerminal(master, before)
  expect(makeRaw(master)).toEqual(before)
  closeSync(master)
  const { read, write } = pipe()
  expect(windowSize(read)).toBeUndefined()
  for (const fd of [read, write]) close(fd)
})
