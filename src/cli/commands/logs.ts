import { command, type Command } from '../command.ts'
import { parseInteger, parseTime } from '../flags/quantities.ts'
import { write } from '../output.ts'

export const logs: Command = command({
  usage: '[OPTIONS] CONTAINER',
  summary: 'Fetch the logs of a container',
  options: {
    follow: { type: 'boolean', short: 'f', help: 'Follow log output' },
    since: { type: 'string', help: "Show logs since timestamp (e.g. '2026-01-02T13:23:37Z') or relative (e.g. '42m')" },
    tail: { type: 'string', short: 'n', help: "Number of lines to show from the end of the logs (default 'all')" },
    timestamps: { type: 'boolean', short: 't', help: 'Show timestamps' },
    until: { type: 'string', help: "Show logs before a timestamp or relative (e.g. '42m')" },
  },
  refused: { details: '' },
  min: 1,
  max: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const node = await context.node()
    const { tail } = values
    // Reading leaves nothing to tidy up: Ctrl-C ends it as it ends `tail -f`.
    if (values.follow) context.takeSignals()
    const records = node.containers.logs(
      words[0]!,
      {
        follow: values.follow === true,
        ...(tail === undefined || tail === 'all' || tail === '-1' ? {} : { tail: parseInteger(tail, '--tail', 0) }),
        ...(values.since === undefined ? {} : { since: parseTime(values.since, '--since') }),
        ...(values.until === undefined ? {} : { until: parseTime(values.until, '--until') }),
      },
      { signal: context.signal },
    )
    for await (const record of records) {
      const fd = record.stream === 'stdout' ? 1 : 2
      if (values.timestamps) write(fd, `${record.time} `)
      write(fd, record.data)
    }
  },
})
