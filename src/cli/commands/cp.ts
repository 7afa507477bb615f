import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { size } from '../format/units.ts'
import { readInput } from '../input.ts'
import { drain, note } from '../output.ts'
import { isTerminal } from '../terminal.ts'

export const cp: Command = command({
  usage: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        cairn cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  summary: "Copy files/folders between a container and the local filesystem; '-' is a tar archive on STDIN or STDOUT",
  options: {
    archive: {
      type: 'boolean',
      short: 'a',
      help: "Archive mode: what comes out keeps its owner, what goes in becomes the container's user's",
    },
    'follow-link': { type: 'boolean', short: 'L', help: 'Always follow symbol link in SRC_PATH' },
    quiet: { type: 'boolean', short: 'q', help: 'Suppress the summary, which only a terminal gets' },
  },
  min: 2,
  max: 2,
  completes: 'container-path',
  run: async (context, values, [source, destination]) => {
    const from = sideOf(source!, 'source')
    const to = sideOf(destination!, 'destination')
    if (from.container !== undefined && to.container !== undefined)
      fail('invalid_argument', 'copying between containers is not supported', {
        hint: `cairn cp ${source} - | cairn cp - ${destination}`,
      })
    const options = { follow: values['follow-link'] === true, archive: values.archive === true }
    const call = { signal: context.signal }
    if (from.container === undefined && to.container === undefined)
      fail('invalid_argument', 'must specify at least one container source')
    const { containers } = await context.node()
    let bytes: number
    if (from.container !== undefined) {
      if (to.path === '-') return toStdout(containers.archive(from.container, from.path, options, call))
      bytes = await containers.copyOut(from.container, from.path, to.path, options, call)
    } else if (from.path === '-') {
      await containers.extract(to.container!, to.path, readInput('-'), options, call)
      return
    } else bytes = await containers.copyIn(to.container!, from.path, to.path, options, call)
    if (!values.quiet && isTerminal(1)) note(`Successfully copied ${size(bytes)} to ${destination}`)
  },
})

interface Side {
  readonly container?: string
  readonly path: string
}

/** `CONTAINER:PATH`, or a path here: one that has a colon begins with `/` or `.`. */
function sideOf(word: string, what: string): Side {
  const [, container, path] = /^([^./:][^:]*):(.*)$/s.exec(word) ?? []
  if ((path ?? word) === '') fail('invalid_argument', `${what} can not be empty`)
  return container === undefined ? { path: word } : { container, path: path! }
}

async function toStdout(tar: AsyncIterable<Uint8Array>): Promise<void> {
  if (isTerminal(1))
    fail('invalid_argument', 'cowardly refusing to write an archive to a terminal', { hint: 'redirect it' })
  await drain(tar, 1)
}
