import { expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { IgnoreRules, type ParentMatch } from './ignore.ts'
import { SourceTree } from './tree.ts'
import { walk } from './walk.ts'

const NAMES = ['a', 'b', 'c']

/** Three levels of directories with a file in each: `a/b/f`. */
function make(root: string, depth: number): void {
  writeFileSync(join(root, 'f'), '')
  if (depth === 0) return
  for (const name of NAMES) {
    mkdirSync(join(root, name))
    make(join(root, name), depth - 1)
  }
}

/** Whether the rules match a path, asked one directory after the other. */
function matches(rules: IgnoreRules, path: string): boolean {
  let parent: ParentMatch | undefined
  let found = false
  const parts = path.split('/')
  for (const i of parts.keys()) {
    const { ignored, here } = rules.match(parts.slice(0, i + 1).join('/'), parent)
    parent = here
    found = ignored
  }
  return found
}

test('what is walked is what the patterns say, path by path, and the directories on the way to it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-walk-'))
  try {
    make(dir, 3)
    using tree = new SourceTree(dir)
    const root = tree.node('')!
    const all = [...walk(tree, root)].map(({ below }) => below).filter(Boolean)
    expect(all).toHaveLength(3 + 9 + 27 + 1 + 3 + 9 + 27)
    const part = fc.constantFrom('a', 'b', '*', '**', 'f', '?')
    const pattern = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
    const except = fc.tuple(fc.constantFrom('', '!'), pattern).map(([bang, text]) => bang + text)
    fc.assert(
      fc.property(fc.option(pattern), fc.array(except, { maxLength: 3 }), (only, excepts) => {
        const filter = {
          ...(only === null ? {} : { only: new IgnoreRules([only]) }),
          except: new IgnoreRules(excepts),
        }
        const isTaken = (path: string): boolean =>
          (filter.only === undefined || matches(filter.only, path)) && !matches(filter.except, path)
        const walked = [...walk(tree, root, filter)].filter(({ below }) => below !== '')
        const taken = walked.filter(({ onTheWay }) => !onTheWay).map(({ below }) => below)
        expect(taken).toEqual(all.filter(isTaken))
        const above = all.filter((path) => !isTaken(path) && taken.some((other) => other.startsWith(`${path}/`)))
        expect(walked.filter(({ onTheWay }) => onTheWay).map(({ below }) => below)).toEqual(above)
        // Directories stand before what is in them.
        expect(walked.map(({ below }) => below)).toEqual(all.filter((path) => isTaken(path) || above.includes(path)))
      }),
      { numRuns: 150 },
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
