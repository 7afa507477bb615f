import { constants } from 'node:os'
import { fail } from '#base'

const REALTIME_MIN = 34
const REALTIME_MAX = 64

/** Checks a signal as STOPSIGNAL takes it: a number, a name with or without `SIG`, `RTMIN+n`, `RTMAX-n`. */
export function checkSignal(text: string): void {
  if (/^\d+$/.test(text)) {
    if (Number(text) === 0) refuse(text)
    return
  }
  const name = text.toUpperCase().replace(/^SIG/, '')
  if (Object.hasOwn(constants.signals, `SIG${name}`) || name === 'CLD') return
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name)
  if (!realtime) refuse(text)
  const offset = Number(realtime[3] ?? 0)
  const isUp = realtime[2] === '+'
  if (offset > REALTIME_MAX - REALTIME_MIN || (realtime[2] && isUp !== (realtime[1] === 'MIN'))) refuse(text)
}

function refuse(text: string): never {
  fail('invalid_argument', `invalid signal: ${text}`, { hint: 'write a name like SIGTERM or a number' })
}
