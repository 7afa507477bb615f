import type { Progress } from '#base'
import { size } from '../format/units.ts'
import { paint } from '../output.ts'
import { colours } from '../terminal.ts'
import { seconds, Steps, type Step } from './steps.ts'
import { warningsText } from './warnings.ts'
import type { Renderer } from './types.ts'

/** Redraws at most this often. */
const INTERVAL = 80
/** Lines of a running step's output that are shown below it. */
const OUTPUT_LINES = 4

export interface Screen {
  readonly columns: number
  readonly rows: number
}

/**
 * The live form: one line a step, running ones with a clock and the end of their output, redrawn in
 * place. What scrolled out of the screen's height is summed up, never drawn twice.
 */
export function tty(out: (text: string) => void, title: string = 'Building'): Renderer {
  const steps = new Steps()
  const began = Date.now()
  let drawn = 0
  let failed = false
  const size = (): Screen => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 })

  const draw = (last: boolean): void => {
    // What has no steps, like the loading of a small archive, has nothing to show.
    if (steps.list.length === 0) return
    const lines = picture(steps, { now: Date.now(), began, last, title, colour: colours(2), ...size() })
    // One write a frame: up to the first line, each line cleared to its end, what is below it cleared.
    const up = drawn > 0 ? `\x1b[${drawn}A` : ''
    out(`\x1b[?25l${up}${lines.map((line) => `\r${line}\x1b[K\n`).join('')}\x1b[J${last ? '\x1b[?25h' : ''}`)
    drawn = lines.length
  }
  const timer = setInterval(() => draw(false), INTERVAL)
  let ended = false
  const finish = (): void => {
    if (ended) return
    ended = true
    clearInterval(timer)
    draw(true)
    if (failed) for (const step of steps.list) if (step.vertex.error !== undefined) out(failure(step))
    out(warningsText(steps.warnings, colours(2)))
  }
  return {
    report: (record: Progress) => {
      const step = steps.take(record)
      if (step?.vertex.error !== undefined) failed = true
    },
    end: finish,
    [Symbol.dispose]: finish,
  }
}

/** The frame as lines, each no wider than the screen. */
export function picture(
  steps: Steps,
  view: Screen & {
    readonly now: number
    readonly began: number
    readonly last: boolean
    readonly colour: boolean
    readonly title?: string
  },
): readonly string[] {
  const total = steps.list.length
  const done = steps.list.filter((step) => step.vertex.completed !== undefined).length
  const head = `[+] ${view.title ?? 'Building'} ${seconds(view.now - view.began)} (${done}/${total})${view.last ? ' FINISHED' : ''}`
  const room = Math.max(4, view.rows - 2)
  let body = steps.list.flatMap((step) => stepLines(step, view))
  if (!view.last && body.length > room) {
    // The screen shows what still moves; finished steps give way, oldest first.
    const moving = steps.list.filter((step) => step.vertex.completed === undefined)
    const rest = steps.list
      .filter((step) => step.vertex.completed !== undefined)
      .slice(-Math.max(0, room - moving.length * (OUTPUT_LINES + 1) - 1))
    const kept = steps.list.filter((step) => moving.includes(step) || rest.includes(step))
    body = [`   … ${total - kept.length} more`, ...kept.flatMap((step) => stepLines(step, view))].slice(0, room)
  }
  return [clip(head, view.columns), ...body]
}

function stepLines(
  step: Step,
  view: Screen & { readonly now: number; readonly last: boolean; readonly colour: boolean },
): readonly string[] {
  const { vertex } = step
  const running = vertex.completed === undefined
  const spent = vertex.cached ? '' : seconds((vertex.completed ?? view.now) - (vertex.started ?? view.now))
  const mark = vertex.error !== undefined ? ' => ERROR' : vertex.cached ? ' => CACHED' : ' =>'
  const width = view.columns - spent.length - 1
  const line = clip(`${mark} ${vertex.name}`, width).padEnd(width) + spent
  const sgr = vertex.error !== undefined ? '31' : running ? '0' : vertex.cached ? '36' : '34'
  const lines = [paint(view.colour && sgr !== '0', sgr, line)]
  for (const status of running ? step.statuses.values() : []) {
    if (status.done) continue
    const shown = status.unit === 'bytes' ? size : String
    lines.push(
      clip(
        ` => => ${status.name}  ${shown(status.current)}${status.total === undefined ? '' : ` / ${shown(status.total)}`}`,
        view.columns,
      ),
    )
  }
  if (running && !view.last && step.tail !== '') {
    const tail = clean(step.tail).trimEnd().split('\n').slice(-OUTPUT_LINES)
    lines.push(...tail.map((text) => paint(view.colour, '2', clip(` => => # ${text}`, view.columns))))
  }
  return lines
}

/** The output of a step that failed, whole as far as it was kept. */
function failure(step: Step): string {
  const text = clean(step.tail).trimEnd()
  return text === '' ? '' : `------\n > ${step.vertex.name}:\n${text}\n------\n`
}

/** Text that cannot move the cursor: escape sequences out, a carriage return keeps what came last. */
function clean(text: string): string {
  return Bun.stripANSI(text)
    .split('\n')
    .map((line) =>
      line
        .replace(/\r+$/, '')
        .split('\r')
        .at(-1)!
        .replaceAll('\t', '    ')
        .replace(/\p{Cc}/gu, ''),
    )
    .join('\n')
}

function clip(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text
  let result = ''
  for (const letter of text) {
    if (Bun.stringWidth(result + letter) > width - 1) break
    result += letter
  }
  return `${result}…`
}
