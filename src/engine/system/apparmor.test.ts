import { expect, test } from 'bun:test'
import type { AppArmor } from '#runtime'
import { appArmor } from './apparmor.ts'

const host: AppArmor = { enabled: true, reachable: true, parser: '/sbin/apparmor_parser', profiles: [] }

test('what doctor says of AppArmor, and the cure', () => {
  expect(appArmor({ ...host, enabled: false, reachable: false }, true)).toMatchObject({ state: 'ok' })
  expect(appArmor(host, true)).toMatchObject({ state: 'ok', found: expect.stringContaining('first container loads') })
  expect(appArmor({ ...host, profiles: ['cairn-default'] }, true).found).toBe('cairn-default, loaded')
  expect(appArmor({ ...host, parser: undefined }, true)).toMatchObject({
    state: 'degraded',
    cure: 'apt-get install -y apparmor',
  })
  expect(appArmor({ ...host, reachable: false }, true).cure).toContain('mount -t securityfs')
  expect(appArmor({ ...host, reachable: false }, false).cure).toContain('sudo')
})
