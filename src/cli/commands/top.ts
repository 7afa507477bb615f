import { command, type Command } from '../command.ts'
import { printTable } from '../format/list.ts'
import { machine } from '../top/columns.ts'
import { psColumns } from '../top/psoptions.ts'

/** What a column of docker's takes here, its blanks included. */
const NARROWEST = 20

export const top: Command = command({
  usage: 'CONTAINER [ps OPTIONS]',
  summary: 'Display the running processes of a container; ps OPTIONS: -ef (default), aux, ax, -e, -o LIST',
  options: {},
  min: 1,
  stopAfter: 1,
  completes: 'container',
  run: async (context, _, [ref, ...words]) => {
    const columns = psColumns(words)
    const processes = await (await context.node()).containers.processes(ref!)
    const here = machine()
    const rows = processes.map((process) => columns.map(({ cell }) => cell(process, here)))
    printTable([columns.map(({ heading }) => heading), ...rows], NARROWEST)
  },
})
