import { constants } from 'node:os'
import { fail } from '#base'

/** The kernel's first real-time signal as C libraries count it, and the last. */
const RTMIN = 34
const RTMAX = 64

/** A signal by name (`SIGTERM`, `term`, `RTMIN+3`) or number (`15`). */
export function signalNumber(signal: string): number {
  const unknown = (): never => fail('invalid_argument', `invalid signal: "${signal}"`)
  if (/^\d+$/.test(signal)) {
    const number = Number(signal)
    return number >= 1 && number <= RTMAX ? number : unknown()
  }
  const name = signal.toUpperCase().replace(/^SIG/, '')
  const known = (constants.signals as Record<string, number>)[`SIG${name}`]
  if (known !== undefined) return known
  const [, base, offset = '0'] = /^(RTMIN|RTMAX)([+-]\d+)?$/.exec(name) ?? unknown()
  const number = (base === 'RTMIN' ? RTMIN : RTMAX) + Number(offset)
  return number >= RTMIN && number <= RTMAX ? number : unknown()
}
