import { expect, test } from 'bun:test'
import { Glob } from 'bun'
import { dirname, join, relative, resolve } from 'node:path'

const root = join(import.meta.dir, '..')

// The compiler refuses an undeclared room by its #name. A relative path into a declared room it
// would accept: this closes that hole.
test('no file reaches into another room by a relative path', async () => {
  const strays: string[] = []
  for await (const file of new Glob('src/**/*.ts').scan(root)) {
    const room = file.split('/')[1]
    const source = await Bun.file(join(root, file)).text()
    for (const [, path] of source.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)) {
      const target = relative(join(root, 'src'), resolve(root, dirname(file), path ?? ''))
      if (target.split('/')[0] !== room) strays.push(`${file}: ${path}`)
    }
  }
  expect(strays).toEqual([])
})

const rooms = new Set(Object.keys((await Bun.file(join(root, 'package.json')).json()).imports))

test('a room shows itself through its index alone', async () => {
  const deep: string[] = []
  for await (const file of new Glob('src/**/*.ts').scan(root)) {
    const source = await Bun.file(join(root, file)).text()
    for (const [, name] of source.matchAll(/from '(#[^']*)'/g))
      if (!rooms.has(name ?? '')) deep.push(`${file}: ${name}`)
  }
  expect(deep).toEqual([])
})

test('every room has an index that only exports', async () => {
  for await (const file of new Glob('src/*/index.ts').scan(root)) {
    const source = await Bun.file(join(root, file)).text()
    const statements = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').split(/\n(?=\S)/)
    expect(statements.filter((s) => s.trim() && !/^(export (type )?\{|\}|\s)/.test(s))).toEqual([])
  }
})

test('ARCHITECTURE.md draws the arrows that the compiler keeps', async () => {
  const table = await Bun.file(join(root, 'ARCHITECTURE.md')).text()
  const drawn = new Map<string, readonly string[]>()
  for (const [, room, sees] of table.matchAll(/^\| `([\w/]+)` \|[^|]*\| ([^|`]+) \|$/gm)) {
    const above = [...drawn.keys()].filter((name) => !everywhere.has(name))
    drawn.set(room!, sees === 'all of the above' ? above : sees === '–' ? [] : sees!.split(', '))
  }
  expect([...drawn.keys()].map((room) => `#${room}`).sort()).toEqual([...rooms].filter((r) => r !== '#testkit').sort())
  for (const [room, sees] of drawn) {
    const { references } = await Bun.file(join(root, 'src', room, 'tsconfig.json')).json()
    const kept = (references ?? []).map(({ path }: { path: string }) => join(room, path)) as string[]
    expect([room, ...kept.filter((name) => !everywhere.has(name)).sort()]).toEqual([room, ...sees.toSorted()])
  }
})

const everywhere = new Set(['base', 'oci'])
