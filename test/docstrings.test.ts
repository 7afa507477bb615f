import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

// Who imports a room sees its names in an editor, with what is said above each declaration and nothing else.

const root = join(import.meta.dir, '..')
const { exports } = await Bun.file(join(root, 'package.json')).json()
const rooms = Object.keys(exports).map((name) => name.slice('./'.length))

test.each(rooms)('everything that cairn/%s shows says what it is', (room) => {
  const shown = reexports(join(root, 'src', room, 'index.ts'))
  expect([...shown].filter(({ file, name }) => !isDescribed(file, name))).toEqual([])
  expect(shown.length).toBeGreaterThan(5)
})

interface Shown {
  readonly file: string
  readonly name: string
}

/** What a file passes on from others of its room; other rooms answer for their own. */
function reexports(file: string): readonly Shown[] {
  const source = readFileSync(file, 'utf8')
  return [...source.matchAll(/export (?:type )?\{([^}]*)\} from '(\.[^']*)'/g)].flatMap(([, names, from]) =>
    (names!.match(/\w+/g) ?? []).map((name) => ({ file: join(dirname(file), from!), name })),
  )
}

function isDescribed(file: string, name: string): boolean {
  const declaration = `export (async )?(function\\*? |const |class |interface |type )${name}\\b`
  const source = readFileSync(file, 'utf8')
  if (new RegExp(`\\*/\\n${declaration}`).test(source)) return true
  if (new RegExp(`^${declaration}`, 'm').test(source)) return false
  const passed = reexports(file).find((other) => other.name === name)
  return !passed || isDescribed(passed.file, name)
}
