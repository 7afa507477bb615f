import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { asProfile, resolveProfile } from './profile.ts'
import { compileSeccomp } from './compile.ts'

const context = { architecture: 'x64', capabilities: ['CAP_CHOWN'], kernel: '5.15.0-1-amd64' } as const
const rule = (extra: object): object => ({ names: ['read'], action: 'SCMP_ACT_ALLOW', ...extra })
const resolve = (extra: object): number =>
  resolveProfile(asProfile({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule(extra)] }), context).syscalls?.length ?? 0

describe('a rule counts', () => {
  test.each<[object, number]>([
    [{}, 1],
    [{ includes: {}, excludes: {} }, 1],
    [{ includes: { caps: ['CAP_CHOWN'] } }, 1],
    [{ includes: { caps: ['CAP_CHOWN', 'CAP_KILL'] } }, 0],
    [{ excludes: { caps: ['CAP_KILL', 'CAP_CHOWN'] } }, 0],
    [{ includes: { arches: ['amd64', 'x32'] } }, 1],
    [{ includes: { arches: ['s390'] } }, 0],
    [{ excludes: { arches: ['amd64'] } }, 0],
    [{ includes: { minKernel: '4.8' } }, 1],
    [{ includes: { minKernel: '5.15' } }, 1],
    [{ includes: { minKernel: '5.16' } }, 0],
    [{ excludes: { minKernel: '5.4' } }, 0],
    [{ excludes: { minKernel: '6.0' } }, 1],
  ])('%j: %d', (extra, count) => {
    expect(resolve(extra)).toBe(count)
  })
})

test('the old form with one name a rule is read', () => {
  const profile = asProfile({
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [{ name: 'read', action: 'SCMP_ACT_ALLOW', args: null }],
  })
  expect(resolveProfile(profile, context)).toEqual({
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }],
  })
})

describe('refused', () => {
  test.each<[unknown, string]>([
    [[], 'profile must be an object'],
    [{}, 'defaultAction must be a string'],
    [{ defaultAction: 'x', syscalls: [{}] }, 'syscalls[0].action must be a string'],
    [{ defaultAction: 'x', syscalls: [rule({ args: [{ index: 6, value: 0, op: '' }] })] }, 'goes from 0 to 5'],
    [{ defaultAction: 'x', archMap: [], architectures: [] }, 'both architectures and archMap'],
  ])('%j', (json, message) => {
    expect(() => asProfile(json)).toThrow(message)
  })
})

const podman = '/usr/share/containers/seccomp.json'
test.skipIf(!existsSync(podman))("Podman's own profile compiles (needs golang-github-containers-common)", () => {
  const profile = asProfile(JSON.parse(readFileSync(podman, 'utf8')))
  const filter = compileSeccomp(resolveProfile(profile, { ...context, capabilities: [] }))
  expect(filter?.length).toBeGreaterThan(8 * 100)
})
