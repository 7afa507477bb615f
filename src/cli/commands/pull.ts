import { command, type Command } from '../command.ts'
import { jobs } from '../flags/transfer.ts'
import { print } from '../output.ts'
import { printPulled, transfer } from '../pulling.ts'

export const pull: Command = command({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry, or from another machine: ssh://HOST/NAME',
  options: {
    'all-tags': { type: 'boolean', short: 'a', help: 'Download all tagged images in the repository' },
    jobs: { type: 'string', short: 'j', value: 'int', help: 'Layers under way at once (default: 3 or 4)' },
    platform: { type: 'string', help: 'Set platform if the image has several (default: that of this host)' },
    quiet: { type: 'boolean', short: 'q', help: 'Suppress verbose output' },
    referrers: { type: 'boolean', help: 'Signatures, SBOMs and attestations, too' },
  },
  refused: { 'disable-content-trust': '' },
  min: 1,
  max: 1,
  completes: 'image',
  run: async (context, values, [name]) => {
    const quiet = values.quiet === true
    const node = await context.node()
    using shown = transfer({ quiet, done: 'Pull complete', title: 'Pulling', out: print })
    const pulled = await node.images.pull(
      name!,
      {
        ...(values.platform === undefined ? {} : { platform: values.platform }),
        ...(values['all-tags'] ? { all: true } : {}),
        ...(values.referrers ? { referrers: true } : {}),
        ...jobs(values.jobs),
      },
      { signal: context.signal, progress: shown.report },
    )
    shown.end()
    for (const image of pulled)
      if (quiet) print(image.reference)
      else printPulled(image)
  },
})
