import type { Call } from '#base'
import { docComment } from '../dockerfile/doccomment.ts'
import { parseDockerfile } from '../dockerfile/parse.ts'
import { readStages } from '../dockerfile/stages.ts'
import type { BuildHost, BuildOptions } from '../types.ts'
import { ask } from './source.ts'
import type { SourceFile, TargetList } from './types.ts'

/** The stages of a Dockerfile. */
export async function listTargets(host: BuildHost, options: BuildOptions, call?: Call): Promise<TargetList> {
  return await ask(host, options, async ({ source }) => targetsOf(source), call)
}

function targetsOf(source: SourceFile): TargetList {
  const { stages } = readStages(parseDockerfile(source.text, source.name))
  return {
    source,
    targets: stages.map(({ from }, i) => {
      const { stage, image, platform, statement } = from
      const description = stage === undefined ? undefined : docComment(statement, stage)
      return {
        ...(stage === undefined ? {} : { name: stage }),
        ...(description === undefined ? {} : { description }),
        isDefault: i === stages.length - 1,
        base: image,
        ...(platform === undefined ? {} : { platform }),
        location: statement.location,
      }
    }),
  }
}
