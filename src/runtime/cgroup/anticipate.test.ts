import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { anticipateMigration, ownProcs } from './anticipate.ts'

test('the group of this process, in any layout', () => {
  expect(ownProcs('9:name=systemd:/\n6:freezer:/a/b\n0::/x\n')).toBe('/sys/fs/cgroup/freezer/a/b/cgroup.procs')
  expect(ownProcs('0::/user.slice/session\n')).toBe('/sys/fs/cgroup/user.slice/session/cgroup.procs')
  expect(ownProcs('2:cpu:/\n')).toBeUndefined()
  expect(ownProcs('')).toBeUndefined()
})

test('this process stays where it is', () => {
  const groups = readFileSync('/proc/self/cgroup', 'utf8')
  const procs = ownProcs(groups)
  if (procs !== undefined) expect(existsSync(procs)).toBe(true)
  anticipateMigration()
  expect(readFileSync('/proc/self/cgroup', 'utf8')).toBe(groups)
})
