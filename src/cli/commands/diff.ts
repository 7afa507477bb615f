import { command, type Command } from '../command.ts'
import { write } from '../output.ts'

const LETTERS = { added: 'A', modified: 'C', deleted: 'D' } as const

export const diff: Command = command({
  usage: 'CONTAINER',
  summary: "Inspect changes to files or directories on a container's filesystem: A added, C changed, D deleted",
  options: {},
  min: 1,
  max: 1,
  completes: 'container',
  run: async (context, _, [ref]) => {
    const changes = await (await context.node()).containers.changes(ref!, { signal: context.signal })
    write(1, changes.map(({ kind, path }) => `${LETTERS[kind]} /${path}\n`).join(''))
  },
})
