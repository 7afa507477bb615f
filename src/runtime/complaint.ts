import { readFileSync } from 'node:fs'
import { CairnError } from '#base'
import { startFailure } from './failure.ts'

/** The last error that a runtime logged: JSON lines with `level` and `msg`. */
export function complaintIn(log: number): string | undefined {
  try {
    for (const line of readFileSync(`/proc/self/fd/${log}`, 'utf8').trim().split('\n').reverse()) {
      if (!line) continue
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string }
      if (level === 'error' || level === 'fatal') return msg
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return undefined
}

/** What crun and runc say of a container that they do not have, or that another process deleted meanwhile. */
export function isUnknown(said: string): boolean {
  return UNKNOWN.test(said)
}

const UNKNOWN =
  /container .*does not exist|error opening file .*status|cannot (open|rm state) directory .*no such file/i

export function unknown(kind: string, id = ''): CairnError {
  return new CairnError('not_found', `${kind} knows no such container: ${id}`)
}

/** Of a container that is not in the state that the verb needs. */
const WRONG_STATE =
  /not running|not paused|already paused|no such process|cannot \S+ a container|not created|stopped state/i

/** Of a user's container, which has a control group only where it is limited. */
const WITHOUT_GROUP = /without a cgroup/i

export function complaint(kind: string, stderr: string, verb: string, id: string): CairnError {
  const said = stderr.trim().replace(/\s*\n\s*/g, '; ')
  if (isUnknown(stderr)) return unknown(kind, id)
  if (verb === 'start') return startFailure(kind, said, '')
  if (WITHOUT_GROUP.test(said))
    return new CairnError('failed_precondition', `cannot ${verb} ${id.slice(0, 12)}: it has no control group`, {
      hint: 'a user’s container has one if it is run with a limit: --pids-limit -1 is one that limits nothing',
    })
  return new CairnError(WRONG_STATE.test(said) ? 'failed_precondition' : 'internal', `${kind} ${verb} ${id}: ${said}`)
}
