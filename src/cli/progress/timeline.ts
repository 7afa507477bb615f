import { closeSync, openSync, writeFileSync } from 'node:fs'
import { criticalPath } from './criticalpath.ts'
import { seconds, Steps, type Step } from './steps.ts'
import { STYLE } from './timelinestyle.ts'
import type { Renderer } from './types.ts'

/** Shows what `inner` shows, and in the end, also after a failure, writes it all as one page that needs nothing else. */
export function withTimeline(inner: Renderer, path: string, title: string): Renderer {
  const steps = new Steps()
  // Told at once, not after an hour's build.
  closeSync(openSync(path, 'w'))
  return {
    report: (record) => {
      steps.take(record)
      inner.report(record)
    },
    end: () => inner.end(),
    [Symbol.dispose]: () => {
      inner[Symbol.dispose]()
      writeFileSync(path, timelinePage(title, steps))
    },
  }
}

/** Bars over time, one a step: when it began, how long it took, what it waited for, what it said. */
export function timelinePage(title: string, steps: Steps): string {
  const rows = steps.list.filter(({ vertex }) => vertex.started !== undefined || vertex.completed !== undefined)
  const begin = Math.min(...rows.map(start))
  const end = Math.max(...rows.map(finish))
  const span = Math.max(1, end - begin)
  const critical = criticalPath(rows.map(({ vertex }) => ({ ...vertex, took: took(vertex) })))
  const cached = rows.filter(({ vertex }) => vertex.cached).length
  const summary =
    rows.length === 0
      ? 'nothing was to be done'
      : `${rows.length} steps, ${cached} from the cache, ${seconds(span)} in all`
  return [
    '<!doctype html>',
    `<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    `<title>${escape(title)}</title><style>${STYLE}</style>`,
    `<h1>${escape(title)}</h1><p>${summary}</p>`,
    '<p class="legend"><i class="ran"></i>ran <i class="critical"></i>ran, and everything waited for it <i class="cached"></i>from the cache <i class="failed"></i>failed</p>',
    rows.length === 0 ? '' : `<div class="axis">${axis(span)}</div>`,
    ...rows.map((step) => row(step, { begin, span, isCritical: critical.has(step.vertex.id) })),
    ...steps.warnings.map(({ message, location }) => {
      const at = location ? `${location.file}:${location.line}: ` : ''
      return `<p class="warning">${escape(at + message)}</p>`
    }),
    '</html>\n',
  ].join('\n')
}

interface Place {
  readonly begin: number
  readonly span: number
  readonly isCritical: boolean
}

function row(step: Step, { begin, span, isCritical }: Place): string {
  const { vertex } = step
  const left = ((start(step) - begin) / span) * 100
  const width = Math.max(0.15, (took(vertex) / span) * 100)
  const state = vertex.error !== undefined ? 'failed' : vertex.cached ? 'cached' : isCritical ? 'critical' : 'ran'
  const time = vertex.cached ? 'cached' : seconds(took(vertex))
  const bar = `<span class="bar ${state}" style="left:${left.toFixed(2)}%;width:${width.toFixed(2)}%"></span>`
  const head = `<span class="name">${escape(vertex.name)}</span><span class="time">${time}</span><span class="track">${bar}</span>`
  const said = [vertex.error ?? '', plain(step.tail)].filter((text) => text !== '').join('\n')
  const title = escape(`${vertex.name}\n${((start(step) - begin) / 1000).toFixed(2)} s + ${seconds(took(vertex))}`)
  return said === ''
    ? `<div class="step" title="${title}">${head}</div>`
    : `<details class="step"${vertex.error === undefined ? '' : ' open'}><summary title="${title}">${head}</summary><pre>${escape(said)}</pre></details>`
}

/** Five marks, at round times. */
function axis(span: number): string {
  const rough = span / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!
  const marks = Array.from({ length: Math.floor(span / step) + 1 }, (_, i) => i * step)
  return marks
    .map((at) => `<span style="left:${((at / span) * 100).toFixed(2)}%">${Number((at / 1000).toPrecision(6))} s</span>`)
    .join('')
}

function start({ vertex }: Step): number {
  return vertex.started ?? vertex.completed ?? 0
}

function finish({ vertex }: Step): number {
  return vertex.completed ?? vertex.started ?? 0
}

function took(vertex: Step['vertex']): number {
  return vertex.started === undefined || vertex.completed === undefined ? 0 : vertex.completed - vertex.started
}

/** Colours and cursor movements mean nothing on a page. */
function plain(text: string): string {
  return Bun.stripANSI(text).replaceAll('\r\n', '\n').trimEnd()
}

function escape(text: string): string {
  return Bun.escapeHTML(text)
}
