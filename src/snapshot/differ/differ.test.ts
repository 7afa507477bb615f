import { describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { collect, streamOf } from '#base'
import { applyMounts, enterPrivateMounts, unmount } from '#sys'
import { changeTree, readTree, timeBox, treeChanges } from '#testkit'
import { differ } from './differ.ts'

const root = process.getuid?.() === 0
/** GNU tar wants --acls for these, in a form of its own. */
const ACLS = ['system.posix_acl']
const FUZZ = { numRuns: 60 }

async function inTemp(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-differ-'))
  try {
    await work(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function makeDirs(dir: string, ...names: string[]): string[] {
  return names.map((name) => {
    mkdirSync(join(dir, name))
    return join(dir, name)
  })
}

describe.skipIf(!root)('needs root: differ', () => {
  test('a directory survives the way into a tar and back, by us and by GNU tar', async () => {
    const over = timeBox(2000)
    await fc.assert(
      fc.asyncProperty(treeChanges(40), (changes) =>
        inTemp(async (dir) => {
          if (over()) return
          const [from = '', to = '', gnu = ''] = makeDirs(dir, 'from', 'to', 'gnu')
          changeTree(from, changes)
          const tar = await collect(differ.compare(from), 1 << 26)
          await differ.apply(streamOf(tar), to)
          expect(readTree(to)).toEqual(readTree(from))
          const flags = ['--xattrs', '--xattrs-include=*', '--same-owner', '-xpf', '-', '-C', gnu]
          execFileSync('tar', flags, { input: tar, stdio: ['pipe', 'ignore', 'ignore'] })
          expect(readTree(gnu, { withoutXattrs: ACLS })).toEqual(readTree(from, { withoutXattrs: ACLS }))
        }),
      ),
      FUZZ,
    )
  }, 20_000)

  test('an overlay’s upper directory, applied over its lower ones, gives the merged view', async () => {
    enterPrivateMounts()
    const over = timeBox(2000)
    await fc.assert(
      fc.asyncProperty(treeChanges(25), treeChanges(25), treeChanges(30), (base, middle, top) =>
        inTemp(async (dir) => {
          if (over()) return
          const [first = '', second = '', upper = '', work = '', copy = ''] = makeDirs(dir, '1', '2', 'u', 'w', 'copy')
          const merged = join(dir, 'merged')
          changeTree(first, base)
          changeTree(second, middle)
          const lower = [second, first]
          applyMounts([{ type: 'overlay', target: merged, lower, upper, work, volatile: true }])
          try {
            changeTree(merged, top)
            for (const layer of [first, second]) await differ.apply(differ.compare(layer), copy)
            await differ.apply(differ.compare(upper, { lower }), copy)
            const options = { withoutDirectoryTimes: true, withoutXattrs: ['trusted.overlay.'] }
            expect(readTree(copy, options)).toEqual(readTree(merged, options))
          } finally {
            unmount(merged)
          }
        }),
      ),
      FUZZ,
    )
  }, 20_000)
})
