import { expect, test } from 'bun:test'
import { Glob } from 'bun'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkWords, parseArguments } from './arguments.ts'
import { parseGlobals } from './globals.ts'
import { find, groups } from './lookup.ts'

// What the documents tell a reader to type is read as the command line would read it, up to the point of running it.

const root = join(import.meta.dir, '../..')

interface Line {
  readonly text: string
  /** A whole command of a block, rather than one named within a sentence. */
  readonly whole: boolean
}

function* commandLines(markdown: string): Generator<Line> {
  for (const [, block] of markdown.matchAll(/^```\w*\n([\s\S]*?)^```/gm))
    for (const line of drawn(block!) ? [] : block!.replaceAll('\\\n', ' ').split('\n'))
      for (const text of line.replace(/ #.*$/, '').split(/;| \|| &/))
        if (/^cairn\s/.test(text.trim())) yield { text: text.trim(), whole: true }
  for (const [, text] of markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`(cairn\s[^`]+)`/g))
    yield { text: text!, whole: false }
}

const drawn = (block: string): boolean => /[─│►]/.test(block)

/** As a shell splits it, redirections left out. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word.replace(/['"]/g, ''))
  return words.flatMap((word, i) => (/^[<>]/.test(word) || /^[<>]$/.test(words[i - 1] ?? '') ? [] : [word]))
}

async function read({ text, whole }: Line): Promise<void> {
  const { rest } = parseGlobals(wordsOf(text).slice(1))
  const found = find(rest)
  if (!found) {
    const [first, ...more] = rest
    const group = first === undefined || first === 'COMMAND' || (groups().includes(first) && more.length === 0)
    if (!group) throw new Error('no such command')
    return
  }
  const name = rest.slice(0, found.length).join(' ')
  const command = await found.entry.load()
  const { values, words } = parseArguments(rest.slice(found.length), command, name)
  if (whole && values['help'] !== true) checkWords(words, command, name)
}

test('every command line in the documents is one', async () => {
  const wrong: string[] = []
  let seen = 0
  for (const file of ['*.md', 'docs/**/*.md'].flatMap((glob) => [...new Glob(glob).scanSync(root)]))
    for (const line of commandLines(readFileSync(join(root, file), 'utf8'))) {
      seen++
      await read(line).catch((error: Error) => wrong.push(`${file}: ${line.text}: ${error.message}`))
    }
  expect(wrong).toEqual([])
  expect(seen).toBeGreaterThan(50)
})
