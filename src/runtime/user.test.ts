import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { resolveUser } from './user.ts'

let root: string
const bare = (name: string): string => join(root, '..', name)

beforeAll(() => {
  const base = mkdtempSync(join(tmpdir(), 'cairn-test-'))
  root = join(base, 'rootfs')
  mkdirSync(join(root, 'etc'), { recursive: true })
  mkdirSync(bare('empty'))
  writeFileSync(
    join(root, 'etc/passwd'),
    '# comment\nroot:x:0:0:root:/root:/bin/sh\nweb:x:33:33:www:/var/www:/bin/false\n1234:x:7:8::/odd:/bin/sh\nbroken\nnohome:x:40:40\nbad:x:y:z::/:\nbelow:x:-1:0::/:\nabove:x:4294967296:0::/:\n',
  )
  writeFileSync(
    join(root, 'etc/group'),
    'root:x:0:\nweb:x:33:\nstaff:x:50:web,other\nssl:x:51:other,web\nteam:x:60:\n4321:x:61:\nbroken\nbelow:x:-1:\n',
  )
})
afterAll(() => rmSync(join(root, '..'), { recursive: true }))

describe('as Docker reads it', () => {
  test.each([
    ['', [], 0, 0, [0], '/root'],
    ['root', [], 0, 0, [0], '/root'],
    ['0', [], 0, 0, [0], '/root'],
    ['web', [], 33, 33, [33, 50, 51], '/var/www'],
    ['33', [], 33, 33, [33, 50, 51], '/var/www'],
    ['web:team', [], 33, 60, [60], '/var/www'],
    ['web:60', [], 33, 60, [60], '/var/www'],
    ['33:77', [], 33, 77, [77], '/var/www'],
    ['web:', [], 33, 33, [33, 50, 51], '/var/www'],
    ['999', [], 999, 0, [0], '/'],
    ['999:998', [], 999, 998, [998], '/'],
    [':50', [], 0, 50, [50], '/root'],
    ['nohome', [], 40, 40, [40], '/'],
    ['1234', [], 1234, 0, [0], '/'],
    ['7', [], 7, 8, [8], '/odd'],
    ['web:4321', [], 33, 4321, [4321], '/var/www'],
    ['4294967294', [], 4294967294, 0, [0], '/'],
    ['web', ['team', '70', 'web'], 33, 33, [33, 50, 51, 60, 70], '/var/www'],
    ['999:998', ['staff'], 999, 998, [998, 50], '/'],
  ])('%s with groups %j', (spec, groups, uid, gid, additionalGids, home) => {
    expect(resolveUser(root, spec, groups)).toEqual({ uid, gid, additionalGids, home })
  })
})

describe('without a database', () => {
  test.each([
    ['', 0, 0, '/root'],
    ['0', 0, 0, '/root'],
    ['7:8', 7, 8, '/'],
  ])('%s', (spec, uid, gid, home) => {
    expect(resolveUser(bare('empty'), spec)).toMatchObject({ uid, gid, home })
  })
})

test.each([
  ['nobody', 'unable to find user nobody'],
  ['web:nobody', 'unable to find group nobody'],
  ['-1', 'unable to find user -1'],
  ['below', 'unable to find user below'],
  ['above', 'unable to find user above'],
  ['web:below', 'unable to find group below'],
  ['4294967295', 'go from 0 to 4294967294'],
  ['0x10', 'unable to find user 0x10'],
])('refused: %s', (spec, message) => {
  expect(() => resolveUser(root, spec)).toThrow(message)
})

describe('hostile images', () => {
  test('a database that is a symlink cannot point outside', () => {
    mkdirSync(bare('evil/etc'), { recursive: true })
    symlinkSync('/../../../../../../../../etc/passwd', bare('evil/etc/passwd'))
    expect(() => resolveUser(bare('evil'), 'daemon')).toThrow('unable to find user daemon')
  })
  test.each(['/dev/zero', 'fifo', 'directory'])('one that is no file is never opened: %s', (kind) => {
    const root = bare(`not-a-file-${basename(kind)}`)
    mkdirSync(join(root, 'etc'), { recursive: true })
    const passwd = join(root, 'etc/passwd')
    if (kind === 'directory') mkdirSync(passwd)
    else spawnSync('mknod', [passwd, ...(kind === 'fifo' ? ['p'] : ['c', '1', '5'])])
    expect(() => resolveUser(root, 'web')).toThrow('unable to find user web')
  })
  test('one without an end is given up', () => {
    mkdirSync(bare('huge/etc'), { recursive: true })
    writeFileSync(bare('huge/etc/passwd'), '')
    truncateSync(bare('huge/etc/passwd'), 2 ** 33)
    expect(() => resolveUser(bare('huge'), 'web')).toThrow('larger than')
  })
})
