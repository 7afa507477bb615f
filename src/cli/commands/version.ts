import { command, type Command } from '../command.ts'
import { print } from '../output.ts'
import { VERSION } from '../version.ts'

export const version: Command = command({
  usage: '[OPTIONS]',
  summary: 'Show the Cairn version information',
  options: {
    format: { type: 'string', short: 'f', help: "Format output: 'json' or a Go template", complete: ['json'] },
    json: { type: 'boolean', help: 'Same as --format json' },
  },
  max: 0,
  run: async (_, values) => {
    const [Os, Arch] = [process.platform, process.arch === 'x64' ? 'amd64' : process.arch]
    const platform = `${Os}/${Arch}`
    const about = { Version: VERSION, Platform: platform, Os, Arch, Bun: Bun.version }
    if (values.json || values.format === 'json') print(JSON.stringify(about))
    else if (values.format === undefined)
      print(`Cairn:\n Version:   ${VERSION}\n OS/Arch:   ${platform}\n Bun:       ${Bun.version}`)
    else {
      const { printEach } = await import('../format/list.ts')
      // Scripts ask docker for {{.Server.Version}} or {{.Client.Version}}: here both are one program.
      printEach([{ ...about, Client: about, Server: about }], values.format)
    }
  },
})
