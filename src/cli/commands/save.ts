import { fail, type Progress } from '#base'
import { command, type Command } from '../command.ts'
import { drain, note } from '../output.ts'
import { isTerminal } from '../terminal.ts'

export const save: Command = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  options: {
    output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT', complete: 'file' },
    platform: { type: 'string', help: 'Save only the image for this platform' },
  },
  min: 1,
  completes: 'image',
  run: async (context, values, words) => {
    const { output } = values
    if (output === undefined && isTerminal(1))
      fail('invalid_argument', 'cowardly refusing to save to a terminal', { hint: 'use -o, or redirect' })
    const node = await context.node()
    const options = values.platform === undefined ? {} : { platform: values.platform }
    const progress = (record: Progress): void => {
      if (record.kind === 'warning') note(`warning: ${record.message}`)
    }
    const stream = await node.images.save(words, options, { signal: context.signal, progress })
    await toFile(stream, output)
  },
})

/** Writes to standard output, or to a file that appears only when it is whole: its owner's alone, as Docker has it. */
export async function toFile(stream: AsyncIterable<Uint8Array>, path: string | undefined): Promise<void> {
  if (path === undefined || path === '-') return drain(stream, 1)
  await (await import('#engine')).writeWhole(path, stream, 0o600)
}
