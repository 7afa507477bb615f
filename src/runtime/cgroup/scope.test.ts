import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { outerUser } from '#sys'
import { tempDir } from '#testkit'
import { scopePath, scopeWords } from './scope.ts'
import { userManager } from './usermanager.ts'

test('a scope’s group, and what runtimes call it', () => {
  const path = scopePath(1000, 'build-1')
  expect(path).toBe('/user.slice/user-1000.slice/user@1000.service/user.slice/cairn-build-1.scope')
  expect(scopeWords(path)).toBe('user.slice:cairn:build-1')
  for (const other of ['/cairn-1', `${path}/container`, '/user.slice/user-1000.slice/cairn-1.scope', `/x${path}`])
    expect(scopeWords(other)).toBeUndefined()
})

test('what systemd delegates to a user, and what it takes to ask for it', () => {
  using session = tempDir()
  using root = tempDir()
  const ask = (): ReturnType<typeof userManager> => userManager(session.path, root.path)
  expect(ask()).toBe('no manager')
  mkdirSync(join(session.path, 'systemd'))
  writeFileSync(join(session.path, 'systemd/private'), '')
  expect(ask()).toBe('no manager')
  const uid = outerUser()
  const group = join(root.path, `user.slice/user-${uid}.slice/user@${uid}.service`)
  mkdirSync(group, { recursive: true })
  writeFileSync(join(group, 'cgroup.controllers'), 'cpu memory pids\n')
  expect(ask()).toBe('no bus')
  writeFileSync(join(session.path, 'bus'), '')
  expect(ask()).toEqual({ controllers: ['cpu', 'memory', 'pids'] })
})
