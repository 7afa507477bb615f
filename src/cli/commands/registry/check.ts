import { command, type Command } from '../../command.ts'
import { print } from '../../output.ts'

export const registryCheck: Command = command({
  usage: '[OPTIONS] URL',
  summary: 'Check any registry against the distribution-spec; writes to two repositories of its own there',
  options: { quiet: { type: 'boolean', short: 'q', help: 'Only what fails' } },
  min: 1,
  max: 1,
  run: async (context, values, [url]) => {
    const node = await context.node()
    const { passed, failed, skipped } = await node.registries.check(
      url!,
      ({ name, status, reason }) => {
        if (status === 'fail' || !values.quiet) print(`${status}  ${name}${reason ? `: ${reason}` : ''}`)
      },
      { signal: context.signal },
    )
    print(`${passed} passed, ${failed} failed, ${skipped} skipped`)
    return failed === 0 ? 0 : 1
  },
})
