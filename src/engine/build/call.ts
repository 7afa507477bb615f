import type { Call } from '#base'
import { checkDockerfile, listTargets, outlineBuild } from '#build'
import type { BuildHost, BuildOptions, BuildOutline, CheckReport, TargetList } from '#build'
import { acquireLease } from '#content'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import { openBuildHost } from './host.ts'
import { buildOptions } from './options.ts'
import type { BuildRequest } from './request.ts'

/** Questions about a Dockerfile that are answered without a build. */
export interface BuildQuestions {
  check(request: BuildRequest, call?: Call): Promise<CheckReport>
  outline(request: BuildRequest, call?: Call): Promise<BuildOutline>
  targets(request: BuildRequest, call?: Call): Promise<TargetList>
}

export function buildQuestions(parts: Parts): BuildQuestions {
  const ask =
    <T>(question: (host: BuildHost, options: BuildOptions, call?: Call) => Promise<T>) =>
    async (request: BuildRequest, call?: Call): Promise<T> => {
      await using lease = acquireLease(parts.db, `questions about ${request.context}`)
      using work = await createWorkDir(parts, 'build')
      const host = await openBuildHost(parts, {
        lease,
        workDir: work.path,
        policy: request.pull ? 'always' : 'missing',
      })
      return await question(host, buildOptions(request), call)
    }
  return { check: ask(checkDockerfile), outline: ask(outlineBuild), targets: ask(listTargets) }
}
