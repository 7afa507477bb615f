import { expect, test } from 'bun:test'
import { delegated } from './controlgroups.ts'

test('what doctor says of the limits of a user, and the cure', () => {
  expect(delegated({ controllers: ['cpu', 'cpuset', 'io', 'memory', 'pids'] })).toMatchObject({ state: 'ok' })
  expect(delegated({ controllers: ['memory', 'pids'] })).toMatchObject({
    state: 'degraded',
    found: expect.stringContaining('without cpu, cpuset'),
    cost: expect.stringContaining('--cpus'),
    cure: expect.stringContaining('Delegate=cpu cpuset io memory pids'),
  })
  expect(delegated('v1').cure).toContain('unified_cgroup_hierarchy')
  expect(delegated('no manager').cure).toContain('enable-linger')
  expect(delegated('no bus').cure).toContain('dbus-user-session')
})
