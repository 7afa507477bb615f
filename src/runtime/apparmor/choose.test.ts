import { describe, expect, test } from 'bun:test'
import { availableProfile } from './choose.ts'
import { loadedProfiles, type AppArmor } from './host.ts'

const host: AppArmor = { enabled: true, reachable: true, parser: '/sbin/apparmor_parser', profiles: ['own', 'a b'] }
const without: AppArmor = { enabled: false, reachable: false, parser: undefined, profiles: [] }
const asked = (appArmor: string): { security: { appArmor: string } } => ({ security: { appArmor } })

test('the default, unless a container is privileged or asks for something else', () => {
  expect(availableProfile({}, host)).toBe('cairn-default')
  expect(availableProfile({ privileged: true }, host)).toBe('unconfined')
  expect(availableProfile(asked('unconfined'), host)).toBe('unconfined')
  expect(availableProfile(asked('a b'), host)).toBe('a b')
  expect(availableProfile({ privileged: true, ...asked('own') }, host)).toBe('own')
  expect(availableProfile(asked('cairn-default'), host)).toBe('cairn-default')
})

test('nothing where there is nobody to confine or to load', () => {
  for (const wish of [{}, { privileged: true }, asked('unconfined')]) {
    expect(availableProfile(wish, without)).toBeUndefined()
    expect(availableProfile(wish, { ...host, reachable: false })).toBeUndefined()
  }
  expect(availableProfile({}, { ...host, parser: undefined })).toBeUndefined()
  expect(availableProfile({ privileged: true }, { ...host, parser: undefined })).toBe('unconfined')
})

describe('asked for by name and not to be had: refused', () => {
  test.each<[string, AppArmor, string]>([
    ['own', without, 'not enabled in this kernel'],
    ['own', { ...host, reachable: false }, 'only root names profiles'],
    ['other', host, 'AppArmor profile "other" is not loaded'],
    ['cairn-default', { ...host, parser: undefined }, 'apparmor_parser is missing'],
  ])('%s', (name, facts, message) => {
    expect(() => availableProfile(asked(name), facts)).toThrow(message)
  })
})

test('the kernel’s list of profiles', () => {
  expect(loadedProfiles('/usr/bin/man (enforce)\nsnap (core) x (complain)\na//b (unconfined)\n')).toEqual([
    '/usr/bin/man',
    'snap (core) x',
    'a//b',
  ])
  expect(loadedProfiles('')).toEqual([])
})
