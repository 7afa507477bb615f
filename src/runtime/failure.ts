import { CairnError, type ErrorCode, type ErrorDetails } from '#base'
import { INIT_PATH } from './spec/mounts.ts'
import type { ProcessSpec } from './types.ts'

/**
 * A container that could not be started. `exitCode` is what a shell and Docker say: 127 the
 * command was not found, 126 it cannot be executed, 125 anything else.
 */
export class StartFailure extends CairnError {
  readonly exitCode: 125 | 126 | 127

  constructor(exitCode: 125 | 126 | 127, code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(code, message, details)
    this.exitCode = exitCode
  }
}

export function commandNotFound(command: string): StartFailure {
  const where = command.includes('/') ? 'no such file or directory' : 'executable file not found in $PATH'
  return new StartFailure(127, 'not_found', `exec: "${command}": ${where}`)
}

/** What executes the command is missing: the usual reason is a script from Windows, or a program for another libc. */
export function withoutInterpreter(
  command: string,
  { kind, path }: { readonly kind: string; readonly path: string },
): StartFailure {
  const hint = path.endsWith('\r') ? 'its lines end with CR LF: save it with LF alone' : undefined
  const message = `exec: "${command}": no such file or directory: its ${kind} ${JSON.stringify(path)} is not there`
  return new StartFailure(127, 'not_found', message, { ...(hint !== undefined && { hint }) })
}

export function notExecutable(command: string, why = 'permission denied'): StartFailure {
  return new StartFailure(126, 'permission_denied', `exec: "${command}": ${why}`)
}

/** Words of crun and runc about the command itself; what either says about anything else is 125. */
const NOT_FOUND =
  /executable file .*not found|exec container process .*no such file|exec:? "?\S+"?: (?:stat .*)?no such file/i
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/exec format error/i, 'exec format error'],
  [/is a directory/i, 'is a directory'],
  [
    /(?:open executable|exec:? .*|exec container process .*): (?:permission denied|operation not permitted)/i,
    'permission denied',
  ],
]

/** Of a profile that was there when it was looked for. */
const PROFILE_GONE = /attr\/(?:apparmor\/)?exec`?: no such file/i

/** Reads what a runtime said when it gave up, in one line of Docker's style. */
export function startFailure(runtime: string, said: string, command: string): StartFailure {
  const line = said.replace(/^(?:time=\S+ level=\S+ msg=)?/, '').trim()
  if (NOT_FOUND.test(line)) return commandNotFound(command)
  if (PROFILE_GONE.test(line))
    return new StartFailure(125, 'failed_precondition', `${runtime}: the AppArmor profile was removed meanwhile`, {
      hint: 'start it again: the default profile is then loaded anew',
    })
  const refused = REFUSED.find(([words]) => words.test(line))
  if (refused) return notExecutable(command, refused[1])
  return new StartFailure(125, 'internal', `${runtime}: ${line.replace(/\s*\n\s*/g, '; ') || 'failed without a word'}`)
}

/** The user's command, behind an init if there is one. */
export function commandOf({ args }: ProcessSpec): string {
  return (args[0] === INIT_PATH && args[1] === '--' ? args[2] : args[0]) ?? ''
}
