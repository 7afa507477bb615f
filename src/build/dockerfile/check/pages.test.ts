import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RULES } from './rules.ts'

const docs = join(import.meta.dir, '../../../../docs/checks')

test('every check has a page, and the index names it', () => {
  const pages = readdirSync(docs).filter((name) => name !== 'README.md')
  expect(pages.toSorted()).toEqual(Object.keys(RULES).map((name) => `${name}.md`))
  const index = readFileSync(join(docs, 'README.md'), 'utf8')
  for (const name of Object.keys(RULES)) expect(index).toContain(`[${name}](${name}.md)`)
})
