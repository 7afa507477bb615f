import { writeFileSync } from 'node:fs'
import { command, type Command } from '../command.ts'
import { jobs, listOf } from '../flags/transfer.ts'
import { print } from '../output.ts'
import { transfer } from '../pulling.ts'

export const copy: Command = command({
  usage: '[OPTIONS] SOURCE DESTINATION',
  summary: 'Copy an image between registries, layouts, archives, daemons and the store; digests stay',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Every platform, also into the store (elsewhere the default)' },
    'all-tags': { type: 'boolean', help: 'Every tag of the repository SOURCE' },
    'dest-tls-verify': { type: 'boolean', help: 'Require a valid certificate of the destination (default true)' },
    digestfile: { type: 'string', help: 'Write the digest of what was copied to a file', complete: 'file' },
    jobs: { type: 'string', short: 'j', value: 'int', help: 'Blobs under way at once (default 4)' },
    platform: {
      type: 'string',
      multiple: true,
      help: 'These platforms of an index alone; the index and its digest stay',
    },
    quiet: { type: 'boolean', short: 'q', help: 'Suppress verbose output' },
    referrers: { type: 'boolean', short: 'r', help: 'Signatures, SBOMs and attestations, too' },
    'src-tls-verify': { type: 'boolean', help: 'Require a valid certificate of the source (default true)' },
  },
  refused: {
    'dest-creds': "a password has no place in a command line: 'cairn login' keeps it",
    'src-creds': "a password has no place in a command line: 'cairn login' keeps it",
    format: 'copy changes nothing: the manifest stays what it is',
    'sign-by': '',
  },
  min: 2,
  max: 2,
  completes: 'image',
  run: async (context, values, [from, to]) => {
    const quiet = values.quiet === true
    const node = await context.node()
    using shown = transfer({ quiet, done: 'Copied', title: 'Copying', out: print })
    const copied = await node.images.copy(
      {
        from: from!,
        to: to!,
        ...(values.all ? { all: true } : {}),
        ...(values['all-tags'] ? { allTags: true } : {}),
        ...(values.platform ? { platforms: listOf(values.platform) } : {}),
        ...(values.referrers ? { referrers: true } : {}),
        ...jobs(values.jobs),
        ...(values['src-tls-verify'] === false ? { insecureSource: true } : {}),
        ...(values['dest-tls-verify'] === false ? { insecureDestination: true } : {}),
      },
      { signal: context.signal, progress: shown.report },
    )
    shown.end()
    for (const { name, tag, root, referrers } of copied) {
      const more = referrers > 0 ? ` referrers: ${referrers}` : ''
      print(quiet ? root.digest : `${tag ?? name}: digest: ${root.digest} size: ${root.size}${more}`)
    }
    if (values.digestfile !== undefined)
      writeFileSync(values.digestfile, copied.map(({ root }) => `${root.digest}\n`).join(''))
  },
})
