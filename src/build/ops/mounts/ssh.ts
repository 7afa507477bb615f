import { chmodSync, chownSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '#base'
import type { SshMount } from '../definition.ts'
import type { MountContext, OneMount } from './types.ts'

/** The socket of an SSH agent. */
export async function sshMount(mount: SshMount, { environment, secrets, cleanup }: MountContext): Promise<OneMount> {
  const { id, target, required, mode = 0o600, uid = 0, gid = 0 } = mount
  const source = environment.ssh[id]
  const env = [`SSH_AUTH_SOCK=${target}`]
  if (!source) {
    // As with BuildKit, the variable is there all the same.
    if (!required) return { env }
    fail('failed_precondition', `the step needs the SSH agent ${JSON.stringify(id)}, which was not given`, {
      hint: `build with --ssh ${id}${id === 'default' ? '' : '=SOCKET|KEY'}`,
    })
  }
  const { serveAgent } = await import('../../ssh/serve.ts')
  const socket = join(secrets(), crypto.randomUUID())
  cleanup.use(await serveAgent(source, socket))
  chownSync(socket, uid, gid)
  chmodSync(socket, mode)
  return {
    mount: { type: 'bind', source: socket, target, readonly: true },
    isFile: true,
    env,
  }
}
