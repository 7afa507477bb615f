import { table } from './table.ts'
import type { Entry } from './table/entry.ts'

/** The command that the words name, and how many of them; a group's bare name finds nothing. */
export function find(words: readonly string[]): { entry: Entry; length: number } | undefined {
  const one = words[0] ?? ''
  const two = words.length > 1 ? `${one} ${words[1]}` : ''
  for (const entry of table) {
    if (entry.name === one) return { entry, length: 1 }
    if (two !== '' && (entry.name === two || entry.also?.includes(two))) return { entry, length: 2 }
  }
  return undefined
}

/** Every name that a group answers to: `container` → `ls`, `run`, … */
export function membersOf(group: string): readonly { name: string; entry: Entry }[] {
  const members: { name: string; entry: Entry }[] = []
  for (const entry of table)
    for (const name of [entry.name, ...(entry.also ?? [])])
      if (name.startsWith(`${group} `)) members.push({ name: name.slice(group.length + 1), entry })
  return members
}

/** The groups: first words of all two-word names. */
export function groups(): readonly string[] {
  const names = table.flatMap((entry) => [entry.name, ...(entry.also ?? [])]).filter((name) => name.includes(' '))
  return [...new Set(names.map((name) => name.slice(0, name.indexOf(' '))))].sort()
}
