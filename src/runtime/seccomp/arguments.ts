import { fail } from '#base'
import type { Instruction } from './assemble.ts'
import type { ArgumentRule } from './profile.ts'

const LOAD = 0x20
const AND = 0x54
const EQUAL = 0x15
const ABOVE = 0x25
const NOT_BELOW = 0x35

/** Where a comparison goes on: the next one of its rule, the end of the rule, or the next instruction. */
type Goal = 'pass' | 'fail' | 'on'

interface Step {
  readonly code: number
  readonly k: number
  readonly yes?: Goal
  readonly no?: Goal
}

/**
 * Arguments that the kernel declares `int`: it looks at the low half alone, so a filter that
 * compared all 64 bits could be passed by with a bit set in the high half (family 2^32 + 40 is
 * above 40 for the filter and AF_VSOCK for the kernel).
 */
const INT_ARGUMENTS: Readonly<Record<string, readonly number[]>> = { socket: [0], socketpair: [0], personality: [0] }

/** One rule: if every comparison holds its action, else on behind the block. The accumulator is overwritten. */
export function argumentBlock(
  syscall: string,
  args: readonly ArgumentRule[],
  action: Instruction,
  bits: 32 | 64,
): Instruction[] {
  const parts = args.map((arg) => compare(arg, INT_ARGUMENTS[syscall]?.includes(arg.index) ? 32 : bits))
  const length = parts.reduce((sum, part) => sum + part.length, 1)
  const block: Instruction[] = []
  for (const part of parts) {
    const end = block.length + part.length
    for (const { code, k, yes, no } of part) {
      const here = block.length + 1
      const to = (goal: Goal | undefined): number =>
        goal === 'pass' ? end - here : goal === 'fail' ? length - here : 0
      block.push({ code, k, jt: to(yes), jf: to(no) })
    }
  }
  return [...block, action]
}

function compare({ index, value, valueTwo = 0, op }: ArgumentRule, bits: 32 | 64): Step[] {
  const low: Step = { code: LOAD, k: 16 + index * 8 }
  const high: Step = { code: LOAD, k: 20 + index * 8 }
  const [valueLow, valueHigh] = halves(value)
  const wide = (...steps: readonly Step[]): Step[] => (bits === 64 ? [high, ...steps] : [])
  switch (op.replace(/^SCMP_CMP_/, '')) {
    case 'EQ':
      return [...wide(equal(valueHigh, 'on', 'fail')), low, equal(valueLow, 'pass', 'fail')]
    case 'NE':
      return [...wide(equal(valueHigh, 'on', 'pass')), low, equal(valueLow, 'fail', 'pass')]
    case 'MASKED_EQ': {
      const [wantedLow, wantedHigh] = halves(valueTwo)
      return [
        ...wide({ code: AND, k: valueHigh }, equal(wantedHigh, 'on', 'fail')),
        low,
        { code: AND, k: valueLow },
        equal(wantedLow, 'pass', 'fail'),
      ]
    }
    case 'GT':
      return ordered(ABOVE, 'pass', 'fail')
    case 'GE':
      return ordered(NOT_BELOW, 'pass', 'fail')
    case 'LE':
      return ordered(ABOVE, 'fail', 'pass')
    case 'LT':
      return ordered(NOT_BELOW, 'fail', 'pass')
  }
  return fail('invalid_argument', `unknown seccomp comparison "${op}"`)

  function ordered(code: number, yes: Goal, no: Goal): Step[] {
    const decided = wide({ code: ABOVE, k: valueHigh, yes, no: 'on' }, equal(valueHigh, 'on', no))
    return [...decided, low, { code, k: valueLow, yes, no }]
  }
}

function equal(k: number, yes: Goal, no: Goal): Step {
  return { code: EQUAL, k, yes, no }
}

function halves(value: number): [low: number, high: number] {
  const whole = BigInt.asUintN(64, BigInt(value))
  return [Number(whole & 0xffffffffn), Number(whole >> 32n)]
}
