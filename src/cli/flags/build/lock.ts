import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '#base'
import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'

/** What pins the sources. */
export const lockFlags = {
  lock: { type: 'boolean', help: 'Pin bases, URLs and git sources in the lock file, which is made if missing' },
  'lock-file': { type: 'string', help: 'Lock file (default: PATH/cairn.lock)', complete: 'file' },
  locked: { type: 'boolean', help: 'Refuse any source that the lock file does not pin' },
} as const

export function lockRequest(values: Values<typeof lockFlags>, context: string): Pick<BuildRequest, 'lock'> {
  if (!values.lock && !values.locked) {
    if (values['lock-file'] === undefined) return {}
    return fail('invalid_argument', '--lock-file needs --lock or --locked')
  }
  if (values.lock && values.locked)
    fail('invalid_argument', '--lock and --locked exclude each other: one writes the file, the other does not')
  return { lock: { file: lockFile(context, values['lock-file']), mode: values.locked ? 'enforce' : 'write' } }
}

/** Beside the Dockerfile that it belongs to; a context that is elsewhere has no such place. */
export function lockFile(context: string, named?: string): string {
  if (named !== undefined) return named
  if (statSync(context, { throwIfNoEntry: false })?.isDirectory()) return join(context, 'cairn.lock')
  return fail('invalid_argument', 'a context that is no directory has no lock file of its own', {
    hint: 'name one: --lock-file FILE',
  })
}
