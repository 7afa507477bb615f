import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError, type Progress } from '#base'
import type { Digest } from '#oci'
import { digestData } from '../digest.ts'
import type { CacheStorage, Op, Vertex } from '../types.ts'
import { solve, type SolveOptions } from './solve.ts'
import { vertex as make } from './vertex.ts'

/** Arithmetic. `parity` reads only whether its input is odd. */
type Sum =
  | { op: 'const'; value: number }
  | { op: 'sum'; add: number }
  | { op: 'parity'; salt?: number }
  | { op: 'fail' }
  | { op: 'wait' }

const constant = (value: number): Vertex<Sum> => make<Sum>({ op: 'const', value }, [], { name: `${value}` })
const sum = (add: number, ...inputs: Vertex<Sum>[]): Vertex<Sum> =>
  make<Sum>({ op: 'sum', add }, inputs, { name: `+${add}` })
const parity = (input: Vertex<Sum>): Vertex<Sum> => make<Sum>({ op: 'parity' }, [input], { name: 'odd?' })
const failing = (...inputs: Vertex<Sum>[]): Vertex<Sum> =>
  make<Sum>({ op: 'fail' }, inputs, { name: 'fail', location: { file: 'F', line: 7 } })

class Bench {
  readonly runs: string[] = []
  readonly loads: Digest[] = []
  readonly records = new Map<Digest, number>()
  readonly reductions: string[] = []
  running = 0
  peak = 0
  #gates: (() => void)[] = []

  readonly cache: CacheStorage<number> = {
    load: async (key) => {
      this.loads.push(key)
      return this.records.get(key)
    },
    save: async (key, result) => void this.records.set(key, result),
  }

  options(more: Partial<SolveOptions<Sum, number>> = {}): SolveOptions<Sum, number> {
    return { op: (v) => this.#op(v), cache: this.cache, parallelism: 4, ...more }
  }

  release(): void {
    for (const open of this.#gates.splice(0)) open()
  }

  #op(v: Vertex<Sum>): Op<number> {
    const { def } = v
    return {
      cacheMap: async () => ({
        digest: digestData(def),
        deps: v.inputs.map(() =>
          def.op === 'parity'
            ? {
                contentDigest: async (n: number) => {
                  this.reductions.push(v.name)
                  return digestData(n % 2)
                },
              }
            : {},
        ),
      }),
      exec: async (inputs, call) => {
        this.runs.push(v.name)
        this.peak = Math.max(this.peak, ++this.running)
        try {
          await Promise.resolve()
          if (def.op === 'const') return def.value
          if (def.op === 'sum') return inputs.reduce((a, b) => a + b, def.add)
          if (def.op === 'parity') return inputs[0]! % 2
          if (def.op === 'fail') throw new CairnError('internal', 'it failed')
          await new Promise<void>((resolve, reject) => {
            this.#gates.push(resolve)
            call?.signal?.addEventListener('abort', () => reject(new CairnError('canceled', 'canceled')))
          })
          return 0
        } finally {
          this.running--
        }
      },
    }
  }
}

test('a shared vertex runs once', async () => {
  const bench = new Bench()
  const shared = sum(1, constant(1))
  expect(await solve(sum(0, sum(10, shared), sum(20, shared)), bench.options())).toMatchObject({ result: 34, steps: 5 })
  expect(bench.runs.toSorted()).toEqual(['+0', '+1', '+10', '+20', '1'])
})

test('a second build loads the top record alone and runs nothing', async () => {
  const bench = new Bench()
  const graph = (): Vertex<Sum> => sum(3, sum(2, sum(1, constant(0))))
  await solve(graph(), bench.options())
  bench.runs.length = bench.loads.length = 0
  expect(await solve(graph(), bench.options())).toEqual({ result: 6, steps: 4, cached: 4 })
  expect(bench.runs).toEqual([])
  expect(bench.loads).toHaveLength(1)
})

test('a change runs what depends on it and no more', async () => {
  const bench = new Bench()
  const graph = (n: number): Vertex<Sum> => sum(0, sum(1, constant(5)), sum(2, constant(n)))
  await solve(graph(1), bench.options())
  bench.runs.length = 0
  expect(await solve(graph(7), bench.options())).toMatchObject({ result: 15, cached: 2 })
  expect(bench.runs.toSorted()).toEqual(['+0', '+2', '7'])
})

test('the same content from a changed definition is a hit', async () => {
  const bench = new Bench()
  await solve(sum(1, parity(constant(3))), bench.options())
  bench.runs.length = 0
  await solve(parity(constant(5)), bench.options())
  expect(bench.runs).toEqual(['5'])
  bench.runs.length = 0
  await solve(parity(constant(5)), bench.options())
  expect(bench.runs).toEqual([])
})

test('content is not asked for while the definition key hits', async () => {
  const bench = new Bench()
  await solve(parity(constant(3)), bench.options())
  bench.reductions.length = 0
  await solve(parity(constant(3)), bench.options())
  expect(bench.reductions).toEqual([])
})

test('without cache everything runs, and is recorded', async () => {
  const bench = new Bench()
  await solve(sum(1, constant(1)), bench.options())
  bench.runs.length = 0
  await solve(sum(1, constant(1)), bench.options({ noCache: true }))
  expect(bench.runs.toSorted()).toEqual(['+1', '1'])
  expect(bench.records.size).toBe(2)
})

test('transient results are neither recorded nor asked for', async () => {
  const bench = new Bench()
  const options = bench.options({
    op: (v) => ({ cacheMap: async () => ({ digest: v.digest, deps: [], transient: true }), exec: async () => 1 }),
  })
  await solve(constant(1), options)
  expect(bench.records.size + bench.loads.length).toBe(0)
})

test('independent vertices run in parallel, up to the limit', async () => {
  const bench = new Bench()
  await solve(sum(0, ...[1, 2, 3, 4, 5, 6, 7].map(constant)), bench.options({ parallelism: 3 }))
  expect(bench.peak).toBe(3)
})

describe('failure', () => {
  test('carries the place and stops the rest', async () => {
    const bench = new Bench()
    const waiting = make<Sum>({ op: 'wait' }, [], { name: 'wait' })
    const error = await solve(sum(0, waiting, failing()), bench.options()).catch((e: unknown) => e)
    expect(error).toMatchObject({ message: 'it failed', location: { line: 7 } })
    expect(bench.running).toBe(0)
    expect(bench.runs).not.toContain('+0')
    expect(bench.records.size).toBe(0)
  })

  test('keeps the records of what was done before', async () => {
    const bench = new Bench()
    await solve(failing(sum(1, constant(1))), bench.options()).catch(() => {})
    expect(bench.records.size).toBe(2)
  })
})

test('cancellation leaves nothing running', async () => {
  const bench = new Bench()
  const stop = new AbortController()
  const waiting = [1, 2, 3].map((n) => make<Sum>({ op: 'wait' }, [constant(n)], { name: `wait ${n}` }))
  const solving = solve(sum(0, ...waiting), bench.options(), { signal: stop.signal }).catch((e: unknown) => e)
  while (bench.running < 3) await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  expect(await solving).toMatchObject({ code: 'canceled' })
  expect(bench.running).toBe(0)
})

test('progress: each vertex is announced, then ends once', async () => {
  const bench = new Bench()
  const ends = async (): Promise<string[]> => {
    const records: Progress[] = []
    await solve(sum(2, sum(1, constant(0))), bench.options(), { progress: (r) => records.push(r) })
    return records.flatMap((r) => (r.kind === 'vertex' && r.completed ? [`${r.name}${r.cached ? ' cached' : ''}`] : []))
  }
  expect(await ends()).toEqual(['0', '+1', '+2'])
  expect(await ends()).toEqual(['0 cached', '+1 cached', '+2 cached'])
})

test('any graph gives what arithmetic gives, cold, warm and after a change', async () => {
  const graph = (adds: readonly number[], links: readonly number[]): Vertex<Sum> => {
    const made: Vertex<Sum>[] = [constant(1)]
    adds.forEach((add, i) => {
      const a = made[links[i]! % made.length]!
      made.push(add % 5 === 0 ? parity(a) : sum(add, a, made.at(-1)!))
    })
    return made.at(-1)!
  }
  const value = (v: Vertex<Sum>): number => {
    const inputs = v.inputs.map(value)
    if (v.def.op === 'const') return v.def.value
    return v.def.op === 'parity' ? inputs[0]! % 2 : inputs.reduce((a, b) => a + b, (v.def as { add: number }).add)
  }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(9), { minLength: 1, maxLength: 7 }),
      fc.array(fc.nat(9), { minLength: 7, maxLength: 7 }),
      fc.nat(6),
      async (adds, links, change) => {
        const bench = new Bench()
        const other = adds.map((add, i) => (i === change ? add + 1 : add))
        for (const list of [adds, adds, other, adds])
          expect((await solve(graph(list, links), bench.options())).result).toBe(value(graph(list, links)))
      },
    ),
    { numRuns: 150 },
  )
})

test('what is to run again runs, and what reads it only when that made something else', async () => {
  const bench = new Bench()
  const graph = (fresh: boolean): Vertex<Sum> => {
    const base = make<Sum>({ op: 'sum', add: 1 }, [constant(2)], { name: '+1', ...(fresh ? { fresh } : {}) })
    return sum(10, parity(base), constant(5))
  }
  await solve(graph(false), bench.options())
  bench.runs.length = 0
  expect((await solve(graph(true), bench.options())).result).toBe((await solve(graph(false), bench.options())).result)
  expect(bench.runs).toContain('+1')
  expect(bench.runs).not.toContain('odd?')
})
