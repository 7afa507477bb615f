import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cannotRun, openLab, type Lab } from '../lab.test.ts'
import { syscallNumbers, type SyscallTable } from './numbers.ts'
import { illegalProgram, syscallProgram, type Machine } from './program.test.ts'

const EPERM = 1
const EINVAL = 22
const ENOSYS = 38
const X32_BIT = 0x40000000

setDefaultTimeout(60_000)
let lab: Lab
const cannot = cannotRun || process.arch !== 'x64'

interface Attempt {
  readonly call: string
  readonly table: Extract<SyscallTable, 'x86_64' | 'x86' | 'x32'>
  readonly nr: number
  readonly args: readonly bigint[]
}

const attempts: Attempt[] = []
function attempt(table: Attempt['table'], call: string | number, ...args: readonly bigint[]): void {
  const nr = typeof call === 'number' ? call : (syscallNumbers(table).get(call) ?? -1)
  attempts.push({ call: `${table} ${call}${args.length > 0 ? ` ${args.join()}` : ''}`, table, nr, args })
}
/** Bad arguments on purpose: a call that a filter lets through must not do anything. */
const BAD = [-1n, -1n, -1n, -1n, -1n, -1n]
const NAMESPACES = [0x00020000n, 0x04000000n, 0x08000000n, 0x10000000n, 0x20000000n, 0x40000000n]
/** Calls that libseccomp 2.5 knows as well. */
const TRIED =
  'mount umount2 pivot_root swapon swapoff sethostname setdomainname add_key request_key keyctl bpf perf_event_open ' +
  'open_by_handle_at name_to_handle_at setns kexec_load init_module delete_module fsopen open_tree move_mount acct ' +
  'quotactl userfaultfd io_uring_setup io_uring_enter ptrace process_vm_readv kcmp getpid read ioctl mknod chroot ' +
  'clock_settime mbind get_mempolicy statx lookup_dcookie vhangup ioperm iopl syslog close'

for (const table of ['x86_64', 'x86', 'x32'] as const) {
  for (const name of TRIED.split(' ')) if (syscallNumbers(table).has(name)) attempt(table, name, ...BAD)
  for (const flag of NAMESPACES) attempt(table, 'unshare', flag)
  for (const flag of NAMESPACES) attempt(table, 'clone', flag)
  for (const value of [0n, 8n, 0x20000n, 0x20008n, 0xffffffffn, 1n, 0x0040000n]) attempt(table, 'personality', value)
  for (const family of [1n, 2n, 37n, 38n, 39n, 40n, 41n]) attempt(table, 'socket', family, 99n)
  attempt(table, 'clone3', 0n, 0n)
  for (const nr of [467, 480, 1000]) attempt(table, nr)
}

/** Runs every attempt in one container and answers its errno by name. */
async function errnos(runtime: string, tables: readonly string[], spec: object = {}): Promise<Map<string, number>> {
  const dir = join(lab.rootfs, 'try')
  mkdirSync(dir, { recursive: true })
  const chosen = attempts.filter(({ table }) => tables.includes(table))
  for (const [index, { table, nr, args }] of chosen.entries()) {
    const machine: Machine = table === 'x86' ? 'x86' : 'x64'
    const number = table === 'x32' ? nr + X32_BIT : nr
    writeFileSync(join(dir, String(index)), syscallProgram(machine, number, args))
    chmodSync(join(dir, String(index)), 0o755)
  }
  const script = `i=0; while [ $i -lt ${chosen.length} ]; do /try/$i > /dev/null 2>&1 < /dev/null; echo $?; i=$((i+1)); done`
  const { results, stdout } = await lab.perform(runtime, { args: ['sh', '-c', script], ...spec }, [['run']])
  expect(results).toEqual([{ code: 0 }])
  const codes = stdout.trim().split('\n').map(Number)
  return new Map(chosen.map(({ call }, index) => [call, codes[index] ?? -1]))
}

describe.skipIf(cannot)('inside a container (needs x86-64)', () => {
  let compiled: Map<string, number>
  beforeAll(async () => {
    if (cannot) return
    lab = await openLab()
    compiled = await errnos('crun', ['x86_64', 'x86', 'x32'])
  })
  afterAll(() => lab?.close())

  test('our compiled filter refuses and allows what libseccomp does from the same profile', async () => {
    const reference = await errnos('runc', ['x86_64'])
    const ours = new Map([...compiled].filter(([call]) => reference.has(call)))
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(reference))
  })
  test.each([
    ['x86_64 mount -1,-1,-1,-1,-1,-1', EPERM],
    ['x86_64 unshare 131072', EPERM],
    ['x86_64 clone 268435456', EPERM],
    ['x86_64 clone3 0,0', ENOSYS],
    ['x86_64 add_key -1,-1,-1,-1,-1,-1', EPERM],
    ['x86_64 personality 1', EPERM],
    ['x86_64 personality 8', 0],
    ['x86_64 getpid -1,-1,-1,-1,-1,-1', 0],
    ['x86_64 socket 40,99', EPERM],
    ['x86_64 socket 38,99', EPERM],
    ['x86_64 socket 1,99', EINVAL],
    ['x86_64 480', ENOSYS],
  ])('%s: errno %d', (call, errno) => {
    expect(compiled.get(call)).toBe(errno)
  })
  test('32-bit programs run, and are filtered alike', () => {
    if (compiled.get('x86 getpid -1,-1,-1,-1,-1,-1') !== 0)
      return console.log('skipped: this kernel runs no 32-bit programs')
    expect(compiled.get('x86 mount -1,-1,-1,-1,-1,-1')).toBe(EPERM)
    expect(compiled.get('x86 unshare 131072')).toBe(EPERM)
    expect(compiled.get('x86 socket 40,99')).toBe(EPERM)
    expect(compiled.get('x86 personality 1')).toBe(EPERM)
    expect(compiled.get('x86 clone3 0,0')).toBe(ENOSYS)
  })
  test('x32 calls are filtered alike', () => {
    expect(compiled.get('x32 mount -1,-1,-1,-1,-1,-1')).toBe(EPERM)
    expect(compiled.get('x32 unshare 131072')).toBe(EPERM)
  })
  test('a capability opens its calls', async () => {
    const opened = await errnos('crun', ['x86_64'], { capAdd: ['SYS_ADMIN'] })
    expect(opened.get('x86_64 mount -1,-1,-1,-1,-1,-1')).not.toBe(EPERM)
    expect(opened.get('x86_64 unshare 67108864')).toBe(0)
    expect(opened.get('x86_64 add_key -1,-1,-1,-1,-1,-1')).toBe(EPERM)
  })
  test('unconfined refuses nothing by itself', async () => {
    const open = await errnos('crun', ['x86_64'], { security: { seccomp: 'unconfined' } })
    expect(open.get('x86_64 personality 1')).toBe(0)
    expect(open.get('x86_64 add_key -1,-1,-1,-1,-1,-1')).not.toBe(EPERM)
  })
  test('a first process that dies by a signal is 128 and the signal', async () => {
    const path = join(lab.rootfs, 'illegal')
    writeFileSync(path, illegalProgram())
    chmodSync(path, 0o755)
    expect((await lab.perform('crun', { args: ['/illegal'] }, [['run']])).results).toEqual([{ code: 132 }])
  })
})
