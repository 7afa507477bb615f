import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, text } from '#base'
import type { SecretMount } from '../definition.ts'
import type { MountContext, OneMount } from './types.ts'

/** A secret as a file, as a variable, or as both. */
export function secretMount(mount: SecretMount, { environment, secrets }: MountContext): OneMount {
  const { id, target, env, required, mode = 0o400, uid = 0, gid = 0 } = mount
  const bytes = environment.secrets.get(id)
  if (bytes === undefined) {
    // As with BuildKit, a variable is there all the same, and empty.
    if (!required) return env === undefined ? {} : { env: [`${env}=`] }
    fail('failed_precondition', `the step needs the secret ${JSON.stringify(id)}, which was not given`, {
      hint: `build with --secret id=${id},src=FILE or --secret id=${id},env=NAME`,
    })
  }
  const variable = env === undefined ? {} : { env: [`${env}=${text(bytes)}`] }
  if (target === undefined) return variable
  const source = join(secrets(), crypto.randomUUID())
  writeFileSync(source, bytes, { mode: 0o600 })
  chownSync(source, uid, gid)
  chmodSync(source, mode)
  return { mount: { type: 'bind', source, target, readonly: true }, isFile: true, ...variable }
}
