import { command, type Command } from '../command.ts'

/** The monitor runs this inside the container's mount namespace; nobody reads what it prints. */
export const exited: Command = command({
  usage: 'CONTAINER',
  summary: 'Finish an exited container',
  options: {},
  min: 1,
  max: 1,
  run: async (context, _, words) => (await context.node()).containers.exited(words[0]!, process.ppid),
})
