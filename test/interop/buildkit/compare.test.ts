import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, needsRoot, skipReason, type TestNode } from '#testkit'
import { openAnswers, type Answers } from './answers.ts'
import { writeBases } from './bases.ts'
import { buildkitBinaries, startBuildkit, type BuildKit } from './buildkit.ts'
import { buildCase, describeBuilt, type Answer } from './cairn.ts'
import { readCases, writeContext, type Case } from './cases.ts'
import { isRefused, type Outcome } from './outcome.ts'

// Every case in cases/ is built by BuildKit and by Cairn, and the images are compared: config, history, files.
// How to write a case, and how to run some alone: cases.ts.

const NAME = 'the same Dockerfiles built by BuildKit'
const cases = readCases(join(import.meta.dir, 'cases'))
const binaries = skipReason(NAME, needsRoot(), lacking('runc')) ? undefined : await buildkitBinaries()

interface Pair {
  readonly theirs: Outcome
  readonly ours: Outcome
}

const pairs = new Map<Case, Pair>()
let dir: string

beforeAll(async () => {
  if (!binaries) return
  dir = mkdtempSync('/var/tmp/cairn-buildkit-')
  const layout = join(dir, 'bases')
  const manifests = await writeBases(layout)
  cases.forEach((one, i) => writeContext(join(dir, `${i}`), one))
  const answers = openAnswers(manifests)
  await using node = await cairnNode({ busybox: false })
  await node.must(['load', '-q', '-i', layout])
  const [ours, theirs] = await Promise.all([
    buildAll(node),
    askAll(answers, () => startBuildkit(binaries, join(dir, 'buildkit'), { layout, manifests })),
  ])
  cases.forEach((one, i) => pairs.set(one, { ours: ours[i]!, theirs: theirs[i]! }))
}, 600_000)

afterAll(() => dir && rmSync(dir, { recursive: true, force: true }))

async function buildAll(node: TestNode): Promise<Outcome[]> {
  const answers = await each(4, (one, i) => buildCase(node, one, `case-${i}`, join(dir, `${i}`)))
  return describeBuilt(node, dir, answers satisfies Answer[])
}

/** The daemon is started only for what no run before has asked. */
async function askAll(answers: Answers, start: () => Promise<BuildKit>): Promise<Outcome[]> {
  if (cases.every((one) => answers.has(one))) return each(1, (one) => answers.get(one, unasked))
  await using peer = await start()
  return await each(4, (one, i) => answers.get(one, () => peer.build(one, join(dir, `${i}`))))
}

const unasked = (): never => {
  throw new Error('an answer went missing')
}

async function each<T>(parallel: number, work: (one: Case, i: number) => Promise<T>): Promise<T[]> {
  const out: T[] = []
  const queue = cases.entries()
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (const [i, one] of queue) out[i] = await work(one, i)
    }),
  )
  return out
}

describe.skipIf(!binaries)(NAME, () => {
  test('titles are unique', () => expect(new Set(cases.map((one) => one.name)).size).toBe(cases.length))

  for (const one of cases)
    test(one.name, () => {
      const { ours, theirs } = pairs.get(one)!
      if (isRefused(theirs) !== one.buildkitFails)
        throw new Error(isRefused(theirs) ? `BuildKit refused it:\n${theirs.error}` : 'BuildKit built it')
      if (one.fails) {
        const said = isRefused(ours) ? ours.error : 'built it'
        expect(said).toContain(one.fails.text)
        if (one.fails.line > 0) expect(said).toContain(`Dockerfile:${one.fails.line}\n`)
        return
      }
      if (isRefused(ours)) throw new Error(`Cairn refused it:\n${ours.error}`)
      if (isRefused(theirs)) return
      if ('said' in ours || 'said' in theirs) {
        expect(ours).toEqual(theirs)
        return
      }
      for (const part of ['config', 'history', 'tree'] as const)
        if (!one.differs.includes(part)) expect({ [part]: ours[part] }).toEqual({ [part]: theirs[part] })
      for (const path of one.times) expect({ [path]: ours.times[path] }).toEqual({ [path]: theirs.times[path] })
    })
})
