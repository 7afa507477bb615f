import { command, type Command } from '../command.ts'
import { jobs } from '../flags/transfer.ts'
import { note, print } from '../output.ts'
import { transfer } from '../pulling.ts'

export const push: Command = command({
  usage: '[OPTIONS] NAME[:TAG]',
  summary: 'Upload an image to a registry, or to another machine: ssh://HOST/NAME',
  options: {
    'all-tags': { type: 'boolean', short: 'a', help: 'Push all tags of an image to the repository' },
    jobs: { type: 'string', short: 'j', value: 'int', help: 'Blobs under way at once (default 4)' },
    platform: { type: 'string', help: 'Of an index, push the image for this platform alone' },
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
    using shown = transfer({ quiet, done: 'Pushed', title: 'Pushing', out: print })
    const options = {
      ...(values['all-tags'] ? { all: true } : {}),
      ...(values.platform === undefined ? {} : { platform: values.platform }),
      ...(values.referrers ? { referrers: true } : {}),
      ...jobs(values.jobs),
    }
    const pushed = await node.images.push(name!, options, { signal: context.signal, progress: shown.report })
    shown.end()
    for (const { name: full, tag, digest, size, partOf } of pushed) {
      print(quiet ? full : `${tag}: digest: ${digest} size: ${size}`)
      if (partOf) note(`Of ${partOf} only the image for this platform is here, and was pushed: ${digest}`)
    }
  },
})
