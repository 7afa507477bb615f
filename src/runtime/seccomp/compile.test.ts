import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { DEFAULT_CAPABILITIES } from '../spec/capabilities.ts'
import { compileSeccomp } from './compile.ts'
import { defaultProfile } from './default.ts'
import { AUDIT, interpret, verify } from './interpreter.test.ts'
import { syscallNumbers, type SyscallTable } from './numbers.ts'
import { resolveProfile, type ArgumentRule, type Seccomp } from './profile.ts'

const ALLOW = 0x7fff0000
const EPERM = 0x00050001
const ENOSYS = 0x00050026
const KILL = 0x80000000
const X32_BIT = 0x40000000

const tables: readonly { name: SyscallTable; scmp: string; arch: number; base: number; bits: bigint }[] = [
  { name: 'x86_64', scmp: 'SCMP_ARCH_X86_64', arch: AUDIT.x86_64, base: 0, bits: 64n },
  { name: 'x32', scmp: 'SCMP_ARCH_X32', arch: AUDIT.x86_64, base: X32_BIT, bits: 32n },
  { name: 'x86', scmp: 'SCMP_ARCH_X86', arch: AUDIT.x86, base: 0, bits: 32n },
  { name: 'aarch64', scmp: 'SCMP_ARCH_AARCH64', arch: AUDIT.aarch64, base: 0, bits: 64n },
  { name: 'arm', scmp: 'SCMP_ARCH_ARM', arch: AUDIT.arm, base: 0, bits: 32n },
]
type Table = (typeof tables)[number]

/** The profile's meaning, read straight from its JSON: the slow and obvious way. */
function meaning(profile: Seccomp, table: Table, nr: number, args: readonly bigint[]): number {
  const numbers = syscallNumbers(table.name)
  const name = [...numbers].find(([, number]) => number === nr)?.[0]
  const rules = (profile.syscalls ?? []).filter((rule) => name !== undefined && rule.names.includes(name))
  const value = (action: string, errno = 1): number =>
    action === 'SCMP_ACT_ALLOW' ? ALLOW : action === 'SCMP_ACT_ERRNO' ? 0x00050000 + errno : KILL
  const fallback = value(profile.defaultAction, profile.defaultErrnoRet)
  const always = rules.filter((rule) => !rule.args?.length).map((rule) => value(rule.action, rule.errnoRet))
  const distinct = always.find((action) => action !== fallback)
  if (distinct !== undefined) return distinct
  const hit = rules.find((rule) => rule.args?.length && rule.args.every((arg) => holds(arg, args, table, name)))
  if (hit) return value(hit.action, hit.errnoRet)
  const named = (profile.syscalls ?? []).flatMap((rule) => rule.names.map((each) => numbers.get(each) ?? -1))
  const newest = Math.max(...named.filter((number) => number < 0xf0000))
  const hidden = fallback !== ALLOW && newest >= 0 && nr > newest && !named.includes(nr) && nr < 0xf0000
  return hidden ? ENOSYS : fallback
}

function holds(arg: ArgumentRule, args: readonly bigint[], table: Table, name: string | undefined): boolean {
  const int = name === 'socket' || name === 'personality' || name === 'socketpair'
  const bits = int && arg.index === 0 ? 32 : Number(table.bits)
  const cut = (value: number | bigint): bigint => BigInt.asUintN(bits, BigInt(value))
  const actual = cut(args[arg.index] ?? 0n)
  const wanted = cut(arg.value)
  switch (arg.op) {
    case 'SCMP_CMP_EQ':
      return actual === wanted
    case 'SCMP_CMP_NE':
      return actual !== wanted
    case 'SCMP_CMP_LT':
      return actual < wanted
    case 'SCMP_CMP_LE':
      return actual <= wanted
    case 'SCMP_CMP_GT':
      return actual > wanted
    case 'SCMP_CMP_GE':
      return actual >= wanted
    default:
      return (actual & wanted) === cut(arg.valueTwo ?? 0)
  }
}

const INTERESTING: readonly bigint[] = [
  0n,
  1n,
  2n,
  8n,
  37n,
  38n,
  39n,
  40n,
  41n,
  0x20000n,
  0x20008n,
  0x01200011n,
  0x10000000n,
  0x7e020000n,
  0xffffffffn,
  0x100000000n,
  0x100000028n,
  0xffffffffffffffffn,
]

describe.each(['x64', 'arm64'] as const)('the default profile on %s', (architecture) => {
  describe.each([
    ['default capabilities', DEFAULT_CAPABILITIES],
    ['none', []],
    [
      'with SYS_ADMIN, SYS_PTRACE and SYS_TIME',
      [...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_TIME'],
    ],
  ])('%s', (_, capabilities) => {
    const profile = resolveProfile(defaultProfile, { architecture, capabilities })
    const filter = compileSeccomp(profile) as Uint8Array

    test('means, for every call and number, what its JSON says', () => {
      verify(filter)
      for (const table of tables.filter((each) => profile.architectures?.includes(each.scmp))) {
        const private_ = [0xf0001, 0xf0002, 0xf0005, 0xf0007]
        for (const nr of [...Array(600).keys(), ...(table.name === 'arm' ? private_ : [])]) {
          const rules = (profile.syscalls ?? []).filter((rule) => rule.args)
          const names = new Set(rules.flatMap((rule) => rule.names))
          const conditional = [...names].some((name) => syscallNumbers(table.name).get(name) === nr)
          for (const arg of conditional ? INTERESTING : [0n]) {
            const args = [arg, 0n, 0n, 0n, 0n, 0n]
            const got = interpret(filter, { arch: table.arch, nr: table.base + nr, args })
            expect([table.name, nr, arg, got]).toEqual([table.name, nr, arg, meaning(profile, table, nr, args)])
          }
        }
      }
    })

    test('kills on an architecture it does not know', () => {
      expect(interpret(filter, { arch: 0xc00000f3, nr: 0, args: [] })).toBe(KILL)
    })
  })
})

describe('the default profile', () => {
  const context = { architecture: 'x64', capabilities: DEFAULT_CAPABILITIES } as const
  const filter = compileSeccomp(resolveProfile(defaultProfile, context)) as Uint8Array
  const call = (nr: number, ...args: readonly bigint[]): number => interpret(filter, { arch: AUDIT.x86_64, nr, args })

  test('fits with room to spare', () => {
    expect(filter.byteLength / 8).toBeLessThan(800)
  })

  test('lets clone through without new namespaces only, and hides clone3', () => {
    expect(call(56, 0x01200011n)).toBe(ALLOW)
    expect(call(56, 0x10000000n)).toBe(EPERM)
    expect(call(435, 0n)).toBe(ENOSYS)
  })

  test('refuses AF_VSOCK and AF_ALG however the high half of the register is set', () => {
    expect(call(41, 2n)).toBe(ALLOW)
    for (const family of [38n, 40n]) {
      expect(call(41, family)).toBe(EPERM)
      expect(call(41, (1n << 32n) + family)).toBe(EPERM)
    }
  })

  test('answers ENOSYS to calls newer than itself, and to every number of no meaning above', () => {
    for (const nr of [467, 500, 0x3fffffff, 0x40000fff, 0xffffffff]) expect(call(nr)).toBe(ENOSYS)
  })
})

test('numbers agree with the headers of this machine', () => {
  const dir = '/usr/include/x86_64-linux-gnu/asm'
  const headers = { x86_64: 'unistd_64.h', x86: 'unistd_32.h', x32: 'unistd_x32.h' } as const
  for (const [table, file] of Object.entries(headers)) {
    if (!existsSync(`${dir}/${file}`)) continue
    const numbers = syscallNumbers(table as SyscallTable)
    const text = readFileSync(`${dir}/${file}`, 'utf8')
    for (const [, name = '', number] of text.matchAll(/^#define __NR_(\w+) (?:\(__X32_SYSCALL_BIT \+ )?(\d+)\)?$/gm)) {
      expect([file, name, numbers.get(name)]).toEqual([file, name, Number(number)])
    }
  }
})

const someNames: fc.Arbitrary<string> = fc.constantFrom(
  'read',
  'write',
  'open',
  'ioctl',
  'socket',
  'clone',
  'prctl',
  'futex',
  'mseal',
)
const someArg = fc.record({
  index: fc.integer({ min: 0, max: 5 }),
  value: fc.integer({ min: 0, max: 2 ** 40 }),
  valueTwo: fc.integer({ min: 0, max: 2 ** 40 }),
  op: fc.constantFrom('EQ', 'NE', 'LT', 'LE', 'GT', 'GE', 'MASKED_EQ').map((op) => `SCMP_CMP_${op}`),
})
const someProfile = fc.record({
  defaultAction: fc.constantFrom('SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW', 'SCMP_ACT_KILL_PROCESS'),
  architectures: fc.constant(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']),
  syscalls: fc.uniqueArray(
    fc.record({
      names: fc.uniqueArray(someNames, { minLength: 1, maxLength: 3 }),
      action: fc.constantFrom('SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO'),
      errnoRet: fc.constantFrom(1, 38),
      args: fc.uniqueArray(someArg, { maxLength: 3, selector: (arg) => arg.index }),
    }),
    { maxLength: 6, selector: (rule) => rule.names.join() },
  ),
})

test('any profile compiles to what it says', () => {
  const register = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(...INTERESTING))
  fc.assert(
    fc.property(someProfile, fc.array(register, { minLength: 6, maxLength: 6 }), (profile, args) => {
      const filter = compileSeccomp(profile) as Uint8Array
      verify(filter)
      for (const table of tables.slice(0, 3)) {
        for (const name of ['read', 'write', 'open', 'ioctl', 'socket', 'clone', 'prctl', 'futex', 'mseal', 'close']) {
          const nr = syscallNumbers(table.name).get(name) as number
          const rules = profile.syscalls.filter((rule) => rule.names.includes(name))
          // Which of several matching rules with different actions wins is nowhere defined.
          if (new Set(rules.map((rule) => rule.action + rule.errnoRet)).size > 1) continue
          const got = interpret(filter, { arch: table.arch, nr: table.base + nr, args })
          expect([table.name, name, got]).toEqual([table.name, name, meaning(profile, table, nr, args)])
        }
      }
    }),
    { interruptAfterTimeLimit: 2000, numRuns: 300 },
  )
})

describe('what no bare filter can do is left to the runtime', () => {
  test.each([
    { defaultAction: 'SCMP_ACT_NOTIFY' },
    { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_LOG'] },
    { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/run/x' },
    { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'], action: 'SCMP_ACT_NOTIFY' }] },
  ])('%j', (profile) => {
    expect(compileSeccomp(profile)).toBeUndefined()
  })
})

describe('refused by name', () => {
  test.each([
    [{ defaultAction: 'SCMP_ACT_PERHAPS' }, 'unknown seccomp action "SCMP_ACT_PERHAPS"'],
    [{ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_VAX'] }, 'seccomp architecture "SCMP_ARCH_VAX"'],
    [
      {
        defaultAction: 'SCMP_ACT_ERRNO',
        architectures: ['SCMP_ARCH_X86_64'],
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 1, op: 'SCMP_CMP_LIKE' }] }],
      },
      'unknown seccomp comparison "SCMP_CMP_LIKE"',
    ],
  ])('%j', (profile, message) => {
    expect(() => compileSeccomp(profile)).toThrow(message)
  })
})
