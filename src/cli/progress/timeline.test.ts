import { expect, test } from 'bun:test'
import type { Progress, VertexProgress } from '#base'
import { criticalPath } from './criticalpath.ts'
import { Steps } from './steps.ts'
import { timelinePage } from './timeline.ts'

function vertex(id: string, started: number, completed: number, more: Partial<VertexProgress> = {}): VertexProgress {
  return { kind: 'vertex', id, name: `[${id}] RUN ${id}`, started, completed, ...more }
}

function page(...records: readonly Progress[]): string {
  const steps = new Steps()
  for (const record of records) steps.take(record)
  return timelinePage('a <title>', steps)
}

test('every step has a bar where it ran, and says what it said', () => {
  const html = page(
    vertex('a', 0, 1000),
    vertex('b', 1000, 2000, { inputs: ['a'], error: 'exit code: 1' }),
    { kind: 'log', vertex: 'b', stream: 'stderr', data: new TextEncoder().encode('\x1b[31m<oops>\x1b[0m\n') },
    vertex('c', 0, 0, { cached: true }),
    { kind: 'warning', message: 'beware', location: { file: 'Dockerfile', line: 3 } },
  )
  expect(html).toContain('a &lt;title&gt;')
  expect(html).toContain('3 steps, 1 from the cache, 2.0s in all')
  expect(html).toMatch(/bar critical" style="left:0\.00%;width:50\.00%"/)
  expect(html).toMatch(/bar failed" style="left:50\.00%;width:50\.00%"/)
  expect(html).toContain('&lt;oops&gt;')
  expect(html).toContain('Dockerfile:3: beware')
  expect(html).not.toMatch(/src=|href=|<script/)
})

test('a build without steps makes a page too', () => {
  expect(page()).toContain('nothing was to be done')
})

test('the path that decided goes over the inputs that ended last', () => {
  const steps = [
    vertex('a', 0, 5),
    vertex('b', 0, 9),
    vertex('c', 9, 12, { inputs: ['a', 'b'] }),
    vertex('d', 9, 11, { inputs: ['b'] }),
  ].map((step) => ({ ...step, took: 0 }))
  expect([...criticalPath(steps)]).toEqual(['c', 'b'])
})
