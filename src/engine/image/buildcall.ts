import type { Call } from '#base'
import { checkDockerfile, listTargets, outlineBuild } from '#build'
import type { BuildHost, BuildOptions, BuildOutline, CheckReport, TargetList } from '#build'
import { acquireLease } from '#content'
import { parsePlatform } from '#oci'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import { openBuildHost } from './buildhost.ts'
import type { BuildRequest } from './buildrequest.ts'

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
      const { pull, platforms, ...options } = request
      await using lease = acquireLease(parts.db, `questions about ${request.context}`)
      using work = await createWorkDir(parts, 'build')
      const host = await openBuildHost(parts, { lease, workDir: work.path, policy: pull ? 'always' : 'missing' })
      const wanted = platforms?.length ? { platforms: platforms.map((text) => parsePlatform(text)) } : {}
      return await question(host, { ...options, ...wanted }, call)
    }
  return { check: ask(checkDockerfile), outline: ask(outlineBuild), targets: ask(listTargets) }
}
