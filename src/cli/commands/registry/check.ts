import { command, type Command } from '../../command.ts'
import { print } from '../../output.ts'

export const registryCheck: Command = command({
  usage: '[OPTIONS] URL',
  summary: 'Check any registry against the distribution-spec, logged in as "cairn login" says; it is written to',
  options: {
    quiet: { type: 'boolean', short: 'q', help: 'Only what fails' },
    repository: { type: 'string', help: 'Write to PREFIX/one and PREFIX/two (default cairn-check)', value: 'PREFIX' },
  },
  min: 1,
  max: 1,
  run: async (context, values, [url]) => {
    const node = await context.node()
    const { passed, failed, skipped } = await node.registries.check(
      { url: url!, ...(values.repository ? { repositories: twoOf(values.repository) } : {}) },
      ({ name, status, reason }) => {
        if (status === 'fail' || !values.quiet) print(`${status}  ${name}${reason ? `: ${reason}` : ''}`)
      },
      { signal: context.signal },
    )
    print(`${passed} passed, ${failed} failed, ${skipped} skipped`)
    return failed === 0 ? 0 : 1
  },
})

function twoOf(prefix: string): readonly [string, string] {
  const path = prefix.replace(/\/+$/, '')
  return [`${path}/one`, `${path}/two`]
}
