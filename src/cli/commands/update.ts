import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { each } from '../each.ts'
import { checkRestart, containerFlags, limitsAsked } from '../flags/container.ts'

const { memory, cpus, restart } = containerFlags

export const update: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Update the limits of one or more containers: of those that run at once, and for every later start',
  options: {
    'cpu-period': containerFlags['cpu-period'],
    'cpu-quota': containerFlags['cpu-quota'],
    'cpu-shares': containerFlags['cpu-shares'],
    cpus,
    'cpuset-cpus': containerFlags['cpuset-cpus'],
    'cpuset-mems': containerFlags['cpuset-mems'],
    memory,
    'memory-reservation': containerFlags['memory-reservation'],
    'memory-swap': containerFlags['memory-swap'],
    'pids-limit': containerFlags['pids-limit'],
    restart,
  },
  refused: {
    'blkio-weight': '',
    'cpu-rt-period': '',
    'cpu-rt-runtime': '',
    'kernel-memory': '',
  },
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    checkRestart(values.restart)
    // Docker takes 0 for nothing said, but of processes.
    const said = ([name, limit]: readonly [string, unknown]): boolean =>
      limit !== undefined && (limit !== 0 || name === 'pidsLimit')
    const asked = Object.fromEntries(Object.entries(limitsAsked(values)).filter(said))
    if (Object.keys(values).length === 0)
      fail('invalid_argument', 'you must provide one or more flags when using this command')
    const node = await context.node()
    return each(context, words, (word) => node.containers.update(word, asked, { signal: context.signal }))
  },
})
