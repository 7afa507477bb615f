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
