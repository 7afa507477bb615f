import type { Progress } from '#base'
import { size } from '../format/units.ts'
import { decode, seconds, Steps, type Step } from './steps.ts'
import { warningsText } from './warnings.ts'
import type { Renderer } from './types.ts'

/**
 * The line-by-line form: `#3 [2/5] RUN make`, `#3 0.412 output`, `#3 DONE 1.2s`. Lines of parallel
 * steps mix; the number says whose they are, and a step that speaks again says its name again.
 */
export function plain(out: (text: string) => void, now: () => number = Date.now): Renderer {
  const steps = new Steps()
  /** Unfinished lines, by step. */
  const partial = new Map<Step, string>()
  const finished = new Set<Step>()
  let speaker: Step | undefined

  const turnTo = (step: Step): void => {
    if (speaker !== step) out(`${speaker ? '\n' : ''}#${step.number} ${step.vertex.name}\n`)
    speaker = step
  }
  const say = (step: Step, text: string): void => {
    turnTo(step)
    out(`#${step.number} ${text}\n`)
  }
  const time = (step: Step): string => ((now() - (step.vertex.started ?? now())) / 1000).toFixed(3)
  const announced = new Set<Step>()
  const announce = (step: Step): void => {
    if (announced.has(step)) return
    announced.add(step)
    turnTo(step)
  }

  const log = (step: Step, text: string): void => {
    const lines = ((partial.get(step) ?? '') + text).split('\n')
    partial.set(step, lines.pop()!)
    for (const line of lines) say(step, `${time(step)} ${line.replace(/\r$/, '')}`)
  }

  const ended = (step: Step): void => {
    if (finished.has(step) || step.vertex.completed === undefined) return
    finished.add(step)
    const rest = partial.get(step)
    if (rest) say(step, `${time(step)} ${rest}`)
    const { error, cached, started, completed } = step.vertex
    if (error !== undefined) say(step, `ERROR: ${error}`)
    else if (cached) say(step, 'CACHED')
    else say(step, `DONE ${seconds(completed - (started ?? completed))}`)
  }

  const report = (record: Progress): void => {
    const step = steps.take(record)
    if (!step) return
    if (record.kind === 'vertex') {
      announce(step)
      ended(step)
    } else if (record.kind === 'log') log(step, decode(record))
    else if (record.kind === 'status' && record.done)
      say(step, `${record.name} ${record.unit === 'bytes' ? size(record.current) : String(record.current)} done`)
  }

  return {
    report,
    end: () => undefined,
    [Symbol.dispose]: () => {
      for (const [step, rest] of partial) if (rest && !finished.has(step)) say(step, `${time(step)} ${rest}`)
      partial.clear()
      out(warningsText(steps.warnings.splice(0), false))
    },
  }
}
