import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { isTerminal } from '../terminal.ts'

export const serve: Command = command({
  usage: '--stdio',
  summary: "Serve this machine's images on standard input and output: started by 'cairn push ssh://…' over there",
  options: { stdio: { type: 'boolean', help: 'Speak on standard input and output' } },
  max: 0,
  run: async (context, values) => {
    if (!values.stdio) fail('invalid_argument', 'serve needs --stdio', { hint: "'cairn registry serve' is a registry" })
    if (isTerminal(0))
      fail('invalid_argument', 'serve --stdio is not for a terminal', { hint: 'cairn push ssh://HOST/NAME' })
    await (await context.node()).registries.serveStdio(process.stdin, process.stdout)
  },
})
