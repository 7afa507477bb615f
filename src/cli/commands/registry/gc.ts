import { fail } from '#base'
import { command, type Command } from '../../command.ts'
import { size } from '../../format/units.ts'
import { print } from '../../output.ts'
import { readConfig, storageFlags, storageOf } from './config.ts'

export const registryGc: Command = command({
  usage: '[OPTIONS]',
  summary: 'Remove what a registry no longer needs; safe while servers run over the same storage',
  options: {
    config: { type: 'string', help: "The server's configuration: storage, retention, gc", complete: 'file' },
    grace: { type: 'string', help: 'Keep what was pushed within so many seconds (default 86400)' },
    ...storageFlags,
  },
  max: 0,
  run: async (context, values) => {
    const file = values.config === undefined ? {} : readConfig(values.config)
    const gc = values.grace === undefined ? {} : { gc: { ...file.gc, graceSeconds: secondsOf(values.grace) } }
    const node = await context.node()
    const gone = await node.registries.collect({ ...file, ...gc, ...storageOf(values) }, { signal: context.signal })
    const { tags, manifests, links, uploads, blobs, bytes } = gone
    print(`Removed ${tags} tags, ${manifests} manifests, ${links} unused blob links, ${uploads} unfinished uploads`)
    print(`Freed ${size(bytes, 4)} in ${blobs} blobs`)
  },
})

function secondsOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) fail('invalid_argument', `--grace ${text}: a number of seconds`)
  return Number(text)
}
