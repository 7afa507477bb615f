import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, needsRoot, skipReason, type TestNode } from '#testkit'
import { openAnswers, type Answers } from './answers.ts'
import { writeBases } from './bases.ts'
import { buildahVersion, commonParts, isForBuildah, startBuildah } from './buildah.ts'
import { buildkitBinaries, startBuildkit, VERSION } from './buildkit.ts'
import { buildCase, describeBuilt, type Answer } from './cairn.ts'
import { readCases, writeContext, type Case } from './cases.ts'
import { isRefused, type Outcome } from './outcome.ts'

// Every case in cases/ is built by BuildKit and by Cairn, and the images are compared: config, history, files. Those that
// buildah understands are built by it as well: a second opinion of the files and of what a container runs.
// How to write a case, and how to run some alone: cases.ts.

const NAME = 'the same Dockerfiles built by BuildKit'
const cases = readCases(join(import.meta.dir, 'cases'))
const binaries = skipReason(NAME, needsRoot(), lacking('runc')) ? undefined : await buildkitBinaries()
const BUILDAH = 'the same Dockerfiles built by buildah'
const buildah = skipReason(BUILDAH, needsRoot(), lacking('buildah', 'runc')) ? undefined : await buildahVersion()
const forBuildah = cases.filter(isForBuildah)

const ours = new Map<Case, Outcome>()
const ofBuildkit = new Map<Case, Outcome>()
const ofBuildah = new Map<Case, Outcome>()
let dir: string

beforeAll(async () => {
  if (!binaries && !buildah) return
  dir = mkdtempSync('/var/tmp/cairn-buildkit-')
  const layout = join(dir, 'bases')
  const manifests = await writeBases(layout)
  cases.forEach((one, i) => writeContext(join(dir, `${i}`), one))
  await using node = await cairnNode({ busybox: false })
  await node.must(['load', '-q', '-i', layout])
  const bases = { layout, manifests }
  const askBuildkit = async (): Promise<void> => {
    if (!binaries) return
    const answers = openAnswers({ name: 'buildkit', version: VERSION }, manifests)
    await askAll(cases, ofBuildkit, answers, () => startBuildkit(binaries, join(dir, 'buildkit'), bases))
  }
  const askBuildah = async (): Promise<void> => {
    if (!buildah) return
    const answers = openAnswers({ name: 'buildah', version: buildah }, manifests)
    await askAll(forBuildah, ofBuildah, answers, () => startBuildah(join(dir, 'buildah'), bases))
  }
  await Promise.all([buildAll(node), askBuildkit().then(askBuildah)])
}, 600_000)

afterAll(() => dir && rmSync(dir, { recursive: true, force: true }))

async function buildAll(node: TestNode): Promise<void> {
  const answers: Answer[] = []
  await each(cases, 4, async (one) => {
    const at = cases.indexOf(one)
    answers[at] = await buildCase(node, one, `case-${at}`, contextOf(one))
  })
  const described = await describeBuilt(node, dir, answers)
  cases.forEach((one, i) => ours.set(one, described[i]!))
}

const contextOf = (one: Case): string => join(dir, `${cases.indexOf(one)}`)

interface Judge extends AsyncDisposable {
  build(test: Case, context: string): Promise<Outcome>
}

/** The peer is started only for what no run before has asked. */
async function askAll(
  asked: readonly Case[],
  outcomes: Map<Case, Outcome>,
  answers: Answers,
  start: () => Promise<Judge>,
): Promise<void> {
  const note = async (one: Case, ask: () => Promise<Outcome>): Promise<void> =>
    void outcomes.set(one, await answers.get(one, ask))
  if (asked.every((one) => answers.has(one))) return each(asked, 1, (one) => note(one, unasked))
  await using peer = await start()
  await each(asked, 4, (one) => note(one, () => peer.build(one, contextOf(one))))
}

const unasked = (): never => {
  throw new Error('an answer went missing')
}

async function each(all: readonly Case[], parallel: number, work: (one: Case) => Promise<void>): Promise<void> {
  const queue = all.values()
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (const one of queue) await work(one)
    }),
  )
}

describe.skipIf(!binaries)(NAME, () => {
  test('titles are unique', () => expect(new Set(cases.map((one) => one.name)).size).toBe(cases.length))

  for (const one of cases)
    test(one.name, () => {
      const theirs = ofBuildkit.get(one)!
      const mine = ours.get(one)!
      if (isRefused(theirs) !== one.buildkitFails)
        throw new Error(isRefused(theirs) ? `BuildKit refused it:\n${theirs.error}` : 'BuildKit built it')
      if (one.fails) {
        const said = isRefused(mine) ? mine.error : 'built it'
        expect(said).toContain(one.fails.text)
        if (one.fails.line > 0) expect(said).toContain(`Dockerfile:${one.fails.line}\n`)
        return
      }
      if (isRefused(mine)) throw new Error(`Cairn refused it:\n${mine.error}`)
      if (isRefused(theirs)) return
      if ('said' in mine || 'said' in theirs) {
        expect(mine).toEqual(theirs)
        return
      }
      for (const part of ['config', 'history', 'tree'] as const)
        if (!one.differs.includes(part)) expect({ [part]: mine[part] }).toEqual({ [part]: theirs[part] })
      for (const path of one.times) expect({ [path]: mine.times[path] }).toEqual({ [path]: theirs.times[path] })
    })
})

describe.skipIf(!buildah)(BUILDAH, () => {
  for (const one of forBuildah)
    test(one.name, () => {
      const theirs = ofBuildah.get(one)!
      const mine = ours.get(one)!
      if (isRefused(theirs) !== isRefused(mine))
        throw new Error(isRefused(theirs) ? `buildah refused it:\n${theirs.error}` : 'buildah built it')
      if ('tree' in mine && 'tree' in theirs) expect(commonParts(mine)).toEqual(commonParts(theirs))
    })
})
