import { describe, expect, test } from 'bun:test'
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildLab, lacking, needsRoot, skipReason, type LabBuild } from '#testkit'
import fc from 'fast-check'
import { changes } from './compare.ts'
import { FileList } from './filelist.ts'
import type { KeyParts, StepReason } from './types.ts'

const isMissing = skipReason('why steps run', needsRoot(), lacking('crun'))

/** One line for each step that ran: its number and what changed. */
function told(reasons: readonly StepReason[] | undefined): string[] {
  return (reasons ?? [])
    .filter(({ cached }) => !cached)
    .map(({ step, changes: all }) => {
      const words = all.map((change) => {
        if (change.kind === 'member')
          return `${change.member}${change.before === undefined ? '' : ` ${change.before} -> ${change.after}`}`
        if (change.kind === 'file') return `${change.path} ${change.change}`
        return change.kind === 'input' ? `input ${change.name}` : change.kind
      })
      return `${step.index}: ${words.join(', ')}`
    })
}

describe.skipIf(isMissing)('needs root and crun: why steps run', () => {
  test('names the file, the member, the variable, the step below; and nothing where nothing changed', async () => {
    await using lab = await buildLab()
    const files = { 'src/a': '1', 'src/b': '2', 'src/d/c': '3', other: 'x', '.dockerignore': 'other' }
    const context = lab.context(files)
    const text = `FROM busybox
ARG V=1
RUN echo one
COPY src /s
RUN --mount=target=/ctx,source=src/d cat /ctx/c
USER user
RUN id`
    const why = async (more: Partial<LabBuild> = {}): Promise<string[]> =>
      told((await lab.build({ context, text, why: true, ...more }))[0]!.why)
    expect(await why()).toEqual(['2: first', '3: first', '4: first', '5: first'])
    expect(await why()).toEqual([])
    writeFileSync(join(context, 'other'), 'y')
    expect(await why()).toEqual([])
    writeFileSync(join(context, 'src/a'), '9')
    chmodSync(join(context, 'src/b'), 0o600)
    const copied = '4: input COPY src /s'
    const last = '5: input RUN --mount=target=/ctx,source=src/d cat /ctx/c'
    expect(await why()).toEqual(['3: src/a changed, src/b changed', copied, last])
    renameSync(join(context, 'src/d/c'), join(context, 'src/d/e'))
    expect(await why({ text: text.replace('/ctx/c', '/ctx/e') })).toEqual([
      '3: src/d/c removed, src/d/e added',
      '4: command /bin/sh -c cat /ctx/c -> /bin/sh -c cat /ctx/e, src/d/c removed, src/d/e added, input COPY src /s',
      '5: input RUN --mount=target=/ctx,source=src/d cat /ctx/e',
    ])
    renameSync(join(context, 'src/d/e'), join(context, 'src/d/c'))
    await why()
    // The steps below made the same as before: they are no reason.
    expect(await why({ buildArgs: { V: '2' } })).toEqual(['2: env V', '4: env V', '5: env V'])
    await why()
    expect(await why({ noCache: true })).toHaveLength(4)
    expect((await why({ noCache: true }))[0]).toBe('2: unrecorded')
    // A step that moved is compared with itself.
    expect(await why({ text: text.replace('RUN echo one', 'RUN echo zero\nRUN echo one') })).toContain(
      '3: input RUN echo zero',
    )
  }, 60_000)

  test('a build that failed is compared with up to where it came', async () => {
    await using lab = await buildLab()
    const context = lab.context({ f: '1' })
    const text = 'FROM busybox\nCOPY f /\nRUN grep 1 /f'
    const build = async (): Promise<string[]> => told((await lab.build({ context, text, why: true }))[0]!.why)
    await build()
    writeFileSync(join(context, 'f'), '2')
    expect(await build()).toEqual(['2: f changed'])
    writeFileSync(join(context, 'f'), '11')
    expect(await build()).toEqual(['2: f changed', '3: input COPY f /'])
    rmSync(join(context, 'f'))
    expect(await build()).toEqual([])
  })
})

function listOf(files: Iterable<readonly [string, string]>): FileList {
  const list = new FileList()
  for (const [path, text] of files) list.set(path, text)
  return list
}

test('a list of files is what was put into it, also when it is read again', () => {
  const part = fc.constantFrom('a', 'b\n', 'é', '\udc80', '.')
  const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  fc.assert(
    fc.property(fc.array(fc.tuple(path, fc.constantFrom('', 'd755 ', 'f644 1', 'l 😀'))), (files) => {
      const list = FileList.of(listOf(files).bytes('head').subarray(5))
      expect(new Map(list)).toEqual(new Map(files))
      expect(list.count).toBe(new Map(files).size)
      for (const [name, text] of new Map(files)) expect(list.get(name)).toBe(text)
      expect(list.get('c/a')).toBeUndefined()
    }),
  )
})

test('of many files some are named, and the others counted', () => {
  const parts = (version: string): KeyParts => ({
    members: {},
    inputs: [],
    files: listOf(Array.from({ length: 30 }, (_, i) => [`f${i}`, `f644 ${version}`])),
  })
  const found = changes(parts('a'), parts('b'))
  expect(found).toHaveLength(11)
  expect(found.at(-1)).toEqual({ kind: 'files', count: 20 })
  expect(changes(parts('a'), parts('a'))).toEqual([{ kind: 'unrecorded' }])
})
