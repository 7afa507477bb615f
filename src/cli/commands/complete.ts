import type { Node } from '#engine'
import { command, type Command, type Completion } from '../command.ts'
import { parseGlobals } from '../globals.ts'
import { print } from '../output.ts'
import { find, groups, membersOf } from '../lookup.ts'
import { table } from '../table.ts'

/** Answers the shell: candidates for the last of the words. Mistakes answer nothing. */
export const complete: Command = command({
  usage: '[WORD...]',
  summary: 'Complete a command line',
  options: {},
  stopAfter: 0,
  run: async (context, _, words) => {
    const current = words.at(-1) ?? ''
    const { rest, ...globals } = parseGlobals(words.slice(0, -1))
    const node = globals.root || globals.run ? (await import('#engine')).openNode(globals) : undefined
    const asked = { node: () => node ?? context.node() }
    for (const line of await candidates(asked, rest, current))
      if (line.startsWith(current) || line.startsWith(':')) print(line)
  },
})

/** Where names are looked up. */
type Asked = { node(): Node | Promise<Node> }

async function candidates(context: Asked, before: readonly string[], current: string): Promise<readonly string[]> {
  const [, flagged] = /^(--[a-z][a-z-]*)=/.exec(current) ?? []
  if (flagged !== undefined)
    return (await candidates(context, [...before, flagged], '')).map((line) =>
      line.startsWith(':') ? line : `${flagged}=${line}`,
    )
  if (before.length === 0) {
    const single = table.filter((entry) => !entry.hidden && !entry.name.includes(' '))
    return [
      ...single.map((entry) => `${entry.name}\t${entry.summary}`),
      ...groups().map((group) => `${group}\tManage ${group}s`),
    ]
  }
  const found = find(before)
  if (!found)
    return before.length === 1 ? membersOf(before[0]!).map(({ name, entry }) => `${name}\t${entry.summary}`) : []
  const loaded = await found.entry.load()
  const previous = before.at(-1)!
  const flag = Object.entries(loaded.options).find(
    ([key, option]) => option.type === 'string' && (previous === `--${key}` || previous === `-${option.short}`),
  )
  if (flag && before.length > found.length) return flag[1].complete ? lookUp(context, flag[1].complete) : []
  if (current.startsWith('-')) return Object.entries(loaded.options).map(([key, option]) => `--${key}\t${option.help}`)
  return loaded.completes ? lookUp(context, loaded.completes) : []
}

async function lookUp(context: Asked, what: Completion): Promise<readonly string[]> {
  if (typeof what !== 'string') return what
  if (what === 'file' || what === 'directory') return [`:${what}`]
  const node = await context.node()
  switch (what) {
    case 'container':
      return (await node.containers.list()).map((container) => `${container.name}\t${container.image}`)
    case 'container-path':
      return [...(await node.containers.list()).map(({ name }) => `${name}:`), ':file']
    case 'image':
      return (await node.images.list()).flatMap((image) => image.names)
    case 'volume':
      return (await node.volumes.list()).map(({ name }) => name)
    case 'network':
      return (await node.networks.list()).map(({ name }) => name)
  }
}
