import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ByteStream } from '#base'
import { openDatabase } from '#content'
import { tempDir } from '#testkit'
import { LocalTrees, type LocalDirectory } from '../source/localtrees.ts'
import { SourceTree } from '../source/tree.ts'
import { localDigest } from './copy.ts'
import { copyInto } from './copyinto.ts'
import type { CopyDefinition } from './definition.ts'
import type { StepEnvironment } from './step.ts'

test('a context that changed since its key was made gives no layer', async () => {
  using dir = tempDir()
  const context = join(dir.path, 'context')
  const below = join(dir.path, 'below')
  for (const path of [context, below]) mkdirSync(path)
  writeFileSync(join(context, 'a'), 'a')
  using db = openDatabase(join(dir.path, 'cairn.db'))
  using trees = new LocalTrees(db, new Map<string, LocalDirectory>([['', { path: context }]]))
  const layers = {
    create: async (tar: ByteStream) => {
      for await (const _ of tar) continue
      throw new Error('a layer was made')
    },
  }
  const environment = { trees, host: { layers } } as unknown as StepEnvironment
  const def: CopyDefinition = {
    op: 'copy',
    below: true,
    sources: [{ kind: 'path', from: { tree: '' }, path: '.', unpack: false }],
    destination: '/x/',
  }
  using view = new SourceTree(below)
  const content = localDigest(def, environment)
  const copied = (): Promise<string> =>
    copyInto({ def, environment, content }, [], [view]).then(String, (error: Error) => error.message)
  expect(await copied()).toBe('a layer was made')
  writeFileSync(join(context, 'b'), 'b')
  expect(await copied()).toBe('the build context changed while it was built')
})
