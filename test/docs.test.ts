import { expect, test } from 'bun:test'
import { Glob } from 'bun'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

// What the documents and the comments point at is there.

const root = join(import.meta.dir, '..')
const filesOf = (...globs: readonly string[]): readonly { file: string; text: string }[] =>
  globs
    .flatMap((glob) => [...new Glob(glob).scanSync(root)])
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
const documents = filesOf('*.md', 'docs/**/*.md')
const sources = filesOf(...['src', 'test', 'testkit', 'bench', 'scripts'].map((folder) => `${folder}/**/*.ts`))

test('every relative link leads to a file, and to a heading in it', () => {
  const dead: string[] = []
  for (const { file, text } of documents)
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link!)) continue
      const [path, heading] = link!.split('#')
      const target = path ? join(dirname(file), path) : file
      if (!existsSync(join(root, target)) || (heading && !headingsOf(target).has(heading)))
        dead.push(`${file}: ${link}`)
    }
  expect(dead).toEqual([])
})

/** The anchors that Markdown's renderers make of headings. */
function headingsOf(file: string): Set<string> {
  const headings = readFileSync(join(root, file), 'utf8').matchAll(/^#+ (.*)$/gm)
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}

const ours = new Set(['src', 'test', 'testkit', 'bench', 'docs', 'scripts', 'examples'])

test('every path of the repository that a document names is there', () => {
  const dead: string[] = []
  for (const { file, text } of documents)
    for (const [, path] of text.matchAll(/`([\w.-]+\/[\w./-]*)`/g))
      if (ours.has(path!.split('/')[0]!) || path!.endsWith('.ts'))
        if (!existsSync(join(root, path!))) dead.push(`${file}: ${path}`)
  expect(dead).toEqual([])
})

test('every document and file that a comment names is there', () => {
  const dead: string[] = []
  for (const { file, text } of sources)
    for (const [path] of text.matchAll(/\b(?:docs|src|testkit|bench|scripts)\/[\w/-]+\.(?:md|ts)\b/g))
      if (!existsSync(join(root, path))) dead.push(`${file}: ${path}`)
  expect(dead).toEqual([])
})

test('the README’s figures are those of the benchmarks', () => {
  const [readme, benchmarks] = ['README.md', 'docs/benchmarks.md'].map((file) => tableOf(file))
  const measured = new Map<string, number>()
  let work = ''
  for (const [title, engine, median] of benchmarks!) {
    work = title || work
    measured.set(`${work}: ${/^[a-z]+/.exec(engine!)![0]}`, Math.round(Number(median)))
  }
  const [head, ...rows] = readme!
  const engines = head!.slice(1).map((names) => names.split(', '))
  for (const [title, ...cells] of rows)
    for (const [column, cell] of cells.entries()) {
      const figures = engines[column]!.flatMap((engine) => measured.get(`${title}: ${engine}`) ?? [])
      expect([title, engines[column], figures]).toEqual([title, engines[column], [Number(cell)]])
    }
  expect(rows.length).toBeGreaterThan(5)
})

/** The cells of the last table of a document, from its head on, without emphasis. */
function tableOf(file: string): readonly (readonly string[])[] {
  const tables = readFileSync(join(root, file), 'utf8').match(/^\|.*(?:\n\|.*)*/gm) ?? []
  const [head, , ...rows] = tables.at(-1)!.replaceAll('**', '').split('\n')
  return [head!, ...rows].map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}
