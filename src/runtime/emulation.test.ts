import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { whyNotEmulated } from './emulation.ts'

const AARCH64 = '7f454c460201010000000000000000000200b700'

function registered(files: Readonly<Record<string, string>>, architecture: string): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-binfmt-'))
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
    return whyNotEmulated({ os: 'linux', architecture }, dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function handler(state: string, flags: string, magic: string): string {
  return `${state}\ninterpreter /usr/bin/qemu-aarch64-static\nflags: ${flags}\noffset 0\nmagic ${magic}\nmask ff\n`
}

test('what is registered with F runs, whatever it is called', () => {
  const files = { register: '', status: 'enabled\n', mine: handler('enabled', 'OCF', AARCH64) }
  expect(registered(files, 'arm64')).toBeUndefined()
  expect(registered(files, 'riscv64')).toContain('qemu-user-static')
})

test('the reason says what to do', () => {
  expect(registered({}, 'arm64')).toContain('aarch64')
  expect(registered({ a: handler('disabled', 'F', AARCH64) }, 'arm64')).toContain('echo 1')
  expect(registered({ a: handler('enabled', '', AARCH64) }, 'arm64')).toContain('F flag')
  expect(registered({ a: 'garbage', b: handler('enabled', 'F', '7f45') }, 'arm64')).toContain('install')
  expect(registered({}, 'wasm')).toContain('a machine of that platform')
})
