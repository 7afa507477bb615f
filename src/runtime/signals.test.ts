import { expect, test } from 'bun:test'
import { signalNumber } from './signals.ts'

test.each([
  ['SIGTERM', 15],
  ['term', 15],
  ['Kill', 9],
  ['9', 9],
  ['USR1', 10],
  ['WINCH', 28],
  ['SIGRTMIN', 34],
  ['RTMIN+3', 37],
  ['SIGRTMAX-1', 63],
  ['64', 64],
])('%s is %d', (name, number) => {
  expect(signalNumber(name)).toBe(number)
})

test.each(['', '0', '65', '-9', 'SIG', 'TERMINATE', 'RTMIN-1', 'RTMAX+1', '9x', '1e1'])('%j is none', (name) => {
  expect(() => signalNumber(name)).toThrow('invalid signal')
})
