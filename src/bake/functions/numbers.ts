import type { HclFunction } from '../hcl/evaluate.ts'
import { anything, bool, define, number, optional, text } from './arguments.ts'
import { equal } from '../hcl/value.ts'

/** `range` makes no more items than this: a mistake must not fill the memory. */
const MOST = 1024 * 1024

export const numbers: Readonly<Record<string, HclFunction>> = {
  absolute: define([number], Math.abs),
  add: define([number, number], (a, b) => a + b),
  subtract: define([number, number], (a, b) => a - b),
  multiply: define([number, number], (a, b) => a * b),
  divide: define([number, number], (a, b) => a / nonzero(b)),
  modulo: define([number, number], (a, b) => a % nonzero(b)),
  negate: define([number], (a) => -a),
  ceil: define([number], Math.ceil),
  floor: define([number], Math.floor),
  int: define([number], Math.trunc),
  log: define([number, number], (a, base) => Math.log(a) / Math.log(base)),
  pow: define([number, number], (a, b) => a ** b),
  signum: define([number], Math.sign),
  max: define([number], (...all) => Math.max(...all), number),
  min: define([number], (...all) => Math.min(...all), number),
  parseint: define([text, number], (digits, base) => parseInteger(digits, base)),
  range: optional(1, [number, number, number], (a = 0, b, step) =>
    b === undefined ? range(0, a, a < 0 ? -1 : 1) : range(a, b, step ?? (b < a ? -1 : 1)),
  ),
  and: define([bool, bool], (a, b) => a && b),
  or: define([bool, bool], (a, b) => a || b),
  not: define([bool], (a) => !a),
  equal: define([anything, anything], equal),
  notequal: define([anything, anything], (a, b) => !equal(a, b)),
  greaterthan: define([number, number], (a, b) => a > b),
  greaterthanorequalto: define([number, number], (a, b) => a >= b),
  lessthan: define([number, number], (a, b) => a < b),
  lessthanorequalto: define([number, number], (a, b) => a <= b),
}

function nonzero(value: number): number {
  if (value === 0) throw new Error('division by zero')
  return value
}

function parseInteger(digits: string, base: number): number {
  const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz'.slice(0, base)
  const isNumber = new RegExp(`^[+-]?[${alphabet}]+$`, 'i').test(digits)
  if (!(base >= 2 && base <= 36) || !isNumber) throw new Error(`${JSON.stringify(digits)} is no number of base ${base}`)
  return Number.parseInt(digits, base)
}

function range(from: number, to: number, step: number): number[] {
  if (step === 0 || (step < 0 && to > from) || (step > 0 && to < from))
    throw new Error('the step leads away from the end')
  const count = Math.ceil((to - from) / step)
  if (!(count <= MOST)) throw new Error(`makes more than ${MOST} numbers`)
  return Array.from({ length: count }, (_, i) => from + i * step)
}
