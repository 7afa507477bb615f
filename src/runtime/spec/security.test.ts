import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSecurityOptions, type Security } from './security.ts'

describe('understood', () => {
  test.each<[string, Security]>([
    ['no-new-privileges', { noNewPrivileges: true }],
    ['no-new-privileges=true', { noNewPrivileges: true }],
    ['no-new-privileges:false', { noNewPrivileges: false }],
    ['seccomp=unconfined', { seccomp: 'unconfined' }],
    ['seccomp:unconfined', { seccomp: 'unconfined' }],
    ['seccomp=builtin', { seccomp: 'default' }],
    ['systempaths=unconfined', { unconfinedPaths: true }],
    ['apparmor=unconfined', { appArmor: 'unconfined' }],
    ['apparmor:my-profile', { appArmor: 'my-profile' }],
    ['label=disable', {}],
  ])('%s', (word, wanted) => {
    expect(parseSecurityOptions([word])).toEqual(wanted)
  })
})

describe('refused, for it would not hold', () => {
  test.each([
    ['apparmor=', 'invalid security option'],
    ['label=type:svirt_t', 'sets no SELinux labels'],
    ['no-new-privileges=perhaps', 'invalid security option'],
    ['systempaths=some', 'invalid security option'],
    ['credentialspec=x', 'invalid security option: "credentialspec=x"'],
    ['', 'invalid security option'],
    ['seccomp=/no/such/file.json', 'seccomp profile /no/such/file.json'],
  ])('%s', (word, message) => {
    expect(() => parseSecurityOptions([word])).toThrow(message)
  })
})

test('a profile file is read, and a broken one refused', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-test-'))
  try {
    const path = join(dir, 'profile.json')
    writeFileSync(path, '{"defaultAction":"SCMP_ACT_ALLOW"}')
    expect(parseSecurityOptions([`seccomp=${path}`]).seccomp).toMatchObject({ defaultAction: 'SCMP_ACT_ALLOW' })
    for (const text of ['', '[]', '{"defaultAction":1}', '{"defaultAction":"x","syscalls":[{"names":1}]}']) {
      writeFileSync(path, text)
      expect(() => parseSecurityOptions([`seccomp=${path}`])).toThrow(`seccomp profile ${path}`)
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
})
