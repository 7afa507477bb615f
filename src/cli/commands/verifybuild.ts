import { command, type Command } from '../command.ts'
import { contextFlags, contextRequest } from '../flags/build/context.ts'
import { languageFlags, languageRequest } from '../flags/build/language.ts'
import { progressFlags, progressOf } from '../flags/build/progress.ts'
import { stepFlags, stepRequest } from '../flags/build/step.ts'
import { reportVerification } from '../verified.ts'

/** What a build's provenance leaves out: local paths, secrets, and the arguments of one in mode `min`. */
export const verifyBuild: Command = command({
  usage: '[OPTIONS] IMAGE [PATH]',
  summary: 'Build an image again from its provenance, and compare',
  options: {
    ...contextFlags,
    'build-arg': languageFlags['build-arg'],
    platform: { type: 'string', help: 'Which image of an index (that of this host)' },
    ...progressFlags,
    secret: stepFlags.secret,
    ssh: stepFlags.ssh,
  },
  min: 1,
  max: 2,
  completes: 'image',
  run: async (context, values, [name, path]) => {
    const { network: _, ...steps } = stepRequest(values)
    const { context: __, ...sources } = await contextRequest(values, path ?? '.')
    const given = {
      ...sources,
      ...(path === undefined ? {} : { context: path }),
      ...languageRequest(values),
      ...steps,
      ...(values.platform === undefined ? {} : { platforms: [values.platform] }),
    }
    const node = await context.node()
    using progress = await progressOf(values, `cairn verify-build ${name!}`)
    const verified = await node.images.verifyImage(name!, given, { signal: context.signal, progress: progress.report })
    progress.end()
    return reportVerification(verified)
  },
})
