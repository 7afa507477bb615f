import { fail } from '#base'
import { assemble, type Instruction } from './assemble.ts'
import { argumentBlock } from './arguments.ts'
import { syscallNumbers, type SyscallTable } from './numbers.ts'
import type { Seccomp, SyscallRule } from './profile.ts'

/** linux/seccomp.h */
const RETURN = {
  KILL: 0x00000000,
  KILL_THREAD: 0x00000000,
  KILL_PROCESS: 0x80000000,
  TRAP: 0x00030000,
  ERRNO: 0x00050000,
  TRACE: 0x7ff00000,
  LOG: 0x7ffc0000,
  ALLOW: 0x7fff0000,
} as const

const ACTION = 0xffff0000
const PERMISSIVE: ReadonlySet<number> = new Set([RETURN.ALLOW, RETURN.LOG, RETURN.TRACE])
const ENOSYS = 38
const X32_BIT = 0x40000000
/** ARM's private calls lie far above the others, which go on growing. */
const ARM_PRIVATE = 0xf0000

/** What the kernel calls the machine (linux/audit.h), the numbers valid on it, and how wide its arguments are. */
const ARCHITECTURES: Readonly<Record<string, { audit: number; table: SyscallTable; bits: 32 | 64; base: number }>> = {
  SCMP_ARCH_X86_64: { audit: 0xc000003e, table: 'x86_64', bits: 64, base: 0 },
  SCMP_ARCH_X32: { audit: 0xc000003e, table: 'x32', bits: 32, base: X32_BIT },
  SCMP_ARCH_X86: { audit: 0x40000003, table: 'x86', bits: 32, base: 0 },
  SCMP_ARCH_AARCH64: { audit: 0xc00000b7, table: 'aarch64', bits: 64, base: 0 },
  SCMP_ARCH_ARM: { audit: 0x40000028, table: 'arm', bits: 32, base: 0 },
}

const LOAD_NUMBER: Instruction = { code: 0x20, k: 0 }
const LOAD_ARCHITECTURE: Instruction = { code: 0x20, k: 4 }
const JUMP = 0x05
const JUMP_EQUAL = 0x15
const JUMP_NOT_BELOW = 0x35
const ret = (k: number): Instruction => ({ code: 0x06, k })

/**
 * Compiles a runtime-spec seccomp section to the classic BPF that seccomp(2) takes: an array of
 * 8-byte `struct sock_filter`. Undefined when it asks for what a bare filter cannot carry (flags,
 * a user-space listener): then the runtime has to do it.
 *
 * As libseccomp and runc do: rules of one call are alternatives and one without conditions wins; names
 * unknown on an architecture are skipped; another architecture kills the process; a call newer
 * than every call the profile names does not exist (ENOSYS), so that programs fall back.
 */
export function compileSeccomp(seccomp: Seccomp): Uint8Array<ArrayBuffer> | undefined {
  if (seccomp.flags?.length || seccomp.listenerPath) return undefined
  const fallback = returnValue(seccomp.defaultAction, seccomp.defaultErrnoRet)
  const rules = rulesByName(seccomp.syscalls ?? [], fallback)
  if (fallback === undefined || rules === undefined) return undefined
  const byAudit = new Map<number, Range[]>()
  for (const name of seccomp.architectures ?? []) {
    const { audit, table, bits, base } =
      ARCHITECTURES[name] ?? fail('unimplemented', `seccomp architecture "${name}" is not supported`)
    const ranges = rangesOf(rules, syscallNumbers(table), { base, bits, fallback })
    byAudit.set(
      audit,
      [...(byAudit.get(audit) ?? []), ...ranges].sort((a, b) => a.start - b.start),
    )
  }
  return assemble(dispatch([...byAudit]))
}

/** Undefined for SCMP_ACT_NOTIFY. */
function returnValue(action: string, errno = 1): number | undefined {
  const name = action.replace(/^SCMP_ACT_/, '')
  if (name === 'NOTIFY') return undefined
  const value = RETURN[name as keyof typeof RETURN] ?? fail('invalid_argument', `unknown seccomp action "${action}"`)
  return name === 'ERRNO' || name === 'TRACE' ? (value | (errno & 0xffff)) >>> 0 : value
}

interface CompiledRule {
  readonly action: number
  readonly args: SyscallRule['args']
}

function rulesByName(
  rules: readonly SyscallRule[],
  fallback: number | undefined,
): Map<string, CompiledRule[]> | undefined {
  const byName = new Map<string, CompiledRule[]>()
  for (const { names, action, errnoRet, args } of rules) {
    const value = returnValue(action, errnoRet)
    if (value === undefined) return undefined
    for (const name of names) {
      const alternatives = byName.get(name) ?? []
      byName.set(name, alternatives)
      if (value !== fallback) alternatives.push(...splitRule(value, args ?? []))
    }
  }
  return byName
}

/** Several conditions on one argument are alternatives; on different ones they hold together. */
function splitRule(action: number, args: NonNullable<SyscallRule['args']>): CompiledRule[] {
  const distinct = new Set(args.map((arg) => arg.index)).size
  return distinct === args.length ? [{ action, args }] : args.map((arg) => ({ action, args: [arg] }))
}

/** Calls from `start` up to the next range's. */
interface Range {
  readonly start: number
  readonly code: readonly Instruction[]
}

interface Machine {
  readonly base: number
  readonly bits: 32 | 64
  /** What happens to calls that no rule names. */
  readonly fallback: number
}

function rangesOf(
  rules: ReadonlyMap<string, readonly CompiledRule[]>,
  numbers: ReadonlyMap<string, number>,
  { base, bits, fallback }: Machine,
): Range[] {
  const known: { number: number; code: readonly Instruction[] }[] = []
  let newest = -1
  for (const [name, alternatives] of rules) {
    const number = numbers.get(name)
    if (number === undefined) continue
    if (number < ARM_PRIVATE) newest = Math.max(newest, number)
    known.push({ number, code: codeOf(name, alternatives, bits, fallback) })
  }
  known.sort((a, b) => a.number - b.number)
  // A profile that lets through what it does not name lets newer calls through as well.
  return merge(known, PERMISSIVE.has((fallback & ACTION) >>> 0) ? undefined : newest, base, fallback)
}

function codeOf(name: string, rules: readonly CompiledRule[], bits: 32 | 64, fallback: number): Instruction[] {
  const always = rules.find((rule) => !rule.args?.length)
  if (always) return [ret(always.action)]
  return [...rules.flatMap((rule) => argumentBlock(name, rule.args ?? [], ret(rule.action), bits)), ret(fallback)]
}

function merge(
  known: readonly { number: number; code: readonly Instruction[] }[],
  newest: number | undefined,
  base: number,
  fallback: number,
): Range[] {
  const ranges: Range[] = [{ start: base, code: [ret(fallback)] }]
  const push = (number: number, code: readonly Instruction[]): void => {
    const last = ranges.at(-1) as Range
    if (last.start === base + number) ranges.pop()
    const before = ranges.at(-1)
    if (before && same(before.code, code)) return
    ranges.push({ start: base + number, code })
  }
  for (const [index, { number, code }] of known.entries()) {
    push(number, code)
    const next = known[index + 1]?.number
    if (number === newest) push(number + 1, [ret(RETURN.ERRNO | ENOSYS)])
    else if (next !== number + 1) push(number + 1, [ret(fallback)])
  }
  return ranges
}

function same(a: readonly Instruction[], b: readonly Instruction[]): boolean {
  return a.length === 1 && b.length === 1 && a[0]?.code === b[0]?.code && a[0]?.k === b[0]?.k
}

/** Architecture first, then a balanced tree over the ranges of call numbers: about nine comparisons for any call. */
function dispatch(machines: readonly (readonly [number, readonly Range[]])[]): Instruction[] {
  const code: Instruction[] = [LOAD_ARCHITECTURE]
  for (const [audit, ranges] of machines) {
    const body = [LOAD_NUMBER, ...tree(ranges)]
    code.push({ code: JUMP_EQUAL, k: audit, jt: 1, jf: 0 }, { code: JUMP, k: body.length }, ...body)
  }
  return [...code, ret(RETURN.KILL_PROCESS)]
}

const FURTHEST = 255

function tree(ranges: readonly Range[]): Instruction[] {
  if (ranges.length === 1) return [...(ranges[0] as Range).code]
  const middle = ranges.length >> 1
  const left = tree(ranges.slice(0, middle))
  const right = tree(ranges.slice(middle))
  const k = (ranges[middle] as Range).start
  // A conditional jump reaches 255 instructions; a longer way goes through an unconditional one.
  if (left.length <= FURTHEST) return [{ code: JUMP_NOT_BELOW, k, jt: left.length, jf: 0 }, ...left, ...right]
  return [{ code: JUMP_NOT_BELOW, k, jt: 0, jf: 1 }, { code: JUMP, k: left.length }, ...left, ...right]
}
