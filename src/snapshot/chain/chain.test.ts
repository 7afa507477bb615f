import { beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { collect, messageOf, streamOf } from '#base'
import { writeTar, type TarEntry, type TarInput } from '#codec'
import { openDatabase } from '#content'
import type { Digest } from '#oci'
import { applyMounts, enterPrivateMounts, unmount } from '#sys'
import { readTree, timeBox } from '#testkit'
import { differ } from '../differ/differ.ts'
import { openLayerStore } from '../layers/store.ts'
import type { DiskLayers } from '../layers/types.ts'
import { createSnapshotter } from '../snapshotter.ts'

const root = process.getuid?.() === 0
const LOOSE = { withoutDirectoryTimes: true, withoutXattrs: ['trusted.overlay.'] }
const NAMES = ['a', 'b', 'c', 'l']

/** Members as careless tools write them: no parents, links to anything, markers anywhere. */
function members(): fc.Arbitrary<TarEntry[]> {
  const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3, size: 'max' }).map((p) => p.join('/'))
  const kind = fc.constantFrom('file', 'file', 'file', 'directory', 'directory', 'symlink', 'hardlink', 'wh', 'opq')
  const member = fc.record({ path, kind, other: path, mode: fc.constantFrom(0o755, 0o700, 0o711), id: fc.nat(99) })
  return fc.array(member.map(entryOf), { maxLength: 10, size: 'max' })
}

interface Wish {
  readonly path: string
  readonly kind: string
  readonly other: string
  readonly mode: number
  readonly id: number
}

function entryOf({ path, kind, other, mode, id }: Wish): TarEntry {
  const common = { path, mode, uid: id, gid: id, mtime: BigInt(id) * 1_000_000_007n, size: 0 }
  const slash = path.lastIndexOf('/') + 1
  if (kind === 'wh') return { ...common, type: 'file', path: `${path.slice(0, slash)}.wh.${path.slice(slash)}` }
  if (kind === 'opq') return { ...common, type: 'file', path: `${path}/.wh..wh..opq` }
  if (kind === 'symlink') return { ...common, type: 'symlink', linkname: id % 2 ? `/${other}` : other }
  if (kind === 'hardlink') return { ...common, type: 'hardlink', linkname: other }
  if (kind === 'directory') return { ...common, type: 'directory' }
  return { ...common, type: 'file', size: id }
}

function tarOf(entries: readonly TarEntry[]): Promise<Uint8Array> {
  const inputs = entries.map((entry): TarInput => ({
    entry,
    data: streamOf(new Uint8Array(entry.size).fill(entry.uid)),
  }))
  return collect(writeTar(inputs), 1 << 20)
}

/** The tar of those members that can be extracted over `onto`, which then has them. */
async function extractable(layers: DiskLayers, entries: readonly TarEntry[], onto: string): Promise<Digest> {
  let left = [...entries]
  for (;;) {
    const tar = await tarOf(left)
    const trial = `${onto}.trial`
    execFileSync('cp', ['-a', onto, trial])
    try {
      await differ.apply(streamOf(tar), trial)
      const { diffId } = await layers.create(streamOf(tar))
      rmSync(onto, { recursive: true })
      execFileSync('mv', [trial, onto])
      return diffId
    } catch (error) {
      rmSync(trial, { recursive: true })
      const refused = /"([^"]*)"/.exec(messageOf(error))?.[1]
      const fewer = left.filter((entry) => entry.path !== refused)
      if (fewer.length === left.length) throw error
      left = fewer
    }
  }
}

beforeAll(() => {
  if (root) enterPrivateMounts()
})

/** Fails unless the mounted chain shows what extracting its layers one over the other gives. */
async function expectAsExtracted(chain: readonly (readonly TarEntry[])[]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-chain-'))
  const db = openDatabase(join(dir, 'cairn.db'))
  try {
    const layers = openLayerStore({ root: dir, run: join(dir, 'run'), db, format: 'erofs' })
    const oracle = join(dir, 'oracle')
    mkdirSync(oracle)
    const digests: Digest[] = []
    for (const entries of chain) digests.push(await extractable(layers, entries, oracle))
    const view = await createSnapshotter({ run: join(dir, 'run'), layers }).view(join(dir, 'view'), digests)
    applyMounts(view.mounts)
    try {
      expect(readTree(view.path, LOOSE)).toEqual(readTree(oracle, LOOSE))
    } finally {
      for (const mount of view.mounts.toReversed()) unmount(mount.target)
    }
  } finally {
    db.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

describe.skipIf(!root)('needs root: chains of careless layers', () => {
  test('look like their tars extracted one over the other', async () => {
    const over = timeBox(2000)
    const chains = fc.array(members(), { minLength: 2, maxLength: 4, size: 'max' })
    await fc.assert(
      fc.asyncProperty(chains, async (chain) => (over() ? undefined : expectAsExtracted(chain))),
      { numRuns: 40 },
    )
  }, 20_000)

  test('also where a file replaces a directory that led through a symlink', async () => {
    const entry = (path: string, kind: string, other = ''): TarEntry =>
      entryOf({ path, kind, other, mode: 0o755, id: 2 })
    const below = [entry('c', 'directory'), entry('a', 'symlink', 'c')]
    await expectAsExtracted([below, [entry('a/b', 'file'), entry('a', 'file')]])
    await expectAsExtracted([
      [entry('d', 'directory'), ...below.map((e) => ({ ...e, path: `d/${e.path}` }))],
      [entry('d', 'directory'), entry('d/a/b', 'file'), entry('d', 'file')],
    ])
  })
})
