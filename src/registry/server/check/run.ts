import { checkCanceled, messageOf } from '#base'
import type { Call } from '#base'
import { DISCOVERY, MANAGEMENT } from './manage.ts'
import { PULL } from './pull.ts'
import { PUSH_BLOBS, PUSH_MANIFESTS } from './push.ts'
import { subjectAt } from './subject.ts'
import { CheckFailure, NotOffered } from './types.ts'
import type { Check, CheckOptions, CheckReport, CheckResult, Subject } from './types.ts'

/**
 * Checks any registry against the distribution-spec 1.1, by HTTP alone. It writes to two
 * repositories and leaves there what it pushed. What the specification leaves open and the registry
 * does without is skipped, and said.
 */
export async function checkRegistry(url: string, options: CheckOptions = {}, call?: Call): Promise<CheckReport> {
  const subject = subjectAt(url, options)
  const results: CheckResult[] = []
  for (const check of [...PULL, ...PUSH_BLOBS, ...PUSH_MANIFESTS, ...DISCOVERY, ...MANAGEMENT]) {
    checkCanceled(call)
    const result = await runCheck(check, subject)
    results.push(result)
    options.onResult?.(result)
  }
  const count = (status: CheckResult['status']): number => results.filter((r) => r.status === status).length
  return { results, passed: count('pass'), failed: count('fail'), skipped: count('skip') }
}

async function runCheck({ name, run }: Check, subject: Subject): Promise<CheckResult> {
  try {
    await run(subject)
    return { name, status: 'pass' }
  } catch (error) {
    if (error instanceof NotOffered) return { name, status: 'skip', reason: error.message }
    const reason = error instanceof CheckFailure ? error.message : `no answer: ${messageOf(error)}`
    return { name, status: 'fail', reason }
  }
}
