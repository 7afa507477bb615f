import { CairnError, type Call } from '#base'
import type { Checks } from '../dockerfile/check/checks.ts'
import { checksOf } from '../dockerfile/check/report.ts'
import { checkPlan } from '../dockerfile/check/stage.ts'
import { parseDockerfile } from '../dockerfile/parse.ts'
import { planBuild } from '../dockerfile/plan/plan.ts'
import type { BuildHost, BuildOptions } from '../types.ts'
import { ask, type Asked } from './source.ts'
import type { CheckReport } from './types.ts'

/** Reads and plans without building. What a Dockerfile has wrong is part of the answer, never thrown. */
export async function checkDockerfile(host: BuildHost, options: BuildOptions, call?: Call): Promise<CheckReport> {
  return await ask(host, options, (asked) => check(asked, call), call)
}

async function check({ source, opened, options }: Asked, call?: Call): Promise<CheckReport> {
  let checks: Checks | undefined
  try {
    const dockerfile = parseDockerfile(source.text, source.name)
    checks = checksOf(dockerfile, options)
    const observer = checkPlan(checks, opened.ignored)
    await planBuild(dockerfile, { ...options, allStages: options.target === undefined, observer }, call)
    return { source, findings: checks.findings }
  } catch (error) {
    if (!(error instanceof CairnError) || error.code === 'canceled') throw error
    const { message, hint, location } = error
    return {
      source,
      findings: checks?.findings ?? [],
      error: { message: hint ? `${message} (${hint})` : message, ...(location ? { location } : {}) },
    }
  }
}
