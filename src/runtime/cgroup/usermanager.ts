import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '#base'
import { outerUser } from '#sys'
import { runtimeEnvironment } from '../commandline.ts'
import { controllersOf } from './controllers.ts'
import { cgroupMode, CGROUP_ROOT } from './mode.ts'
import { managerPath } from './scope.ts'

/** What a user's systemd hands on of control groups. */
export interface UserManager {
  readonly controllers: readonly string[]
}

/** Why a user has no systemd that could be asked for control groups. */
export type WithoutManager = 'v1' | 'no manager' | 'no bus'

/**
 * The systemd of the user who is root of this user namespace, or why it cannot be asked. Runtimes ask it by D-Bus, at the
 * bus of the session.
 */
export function userManager(
  session: string = process.env['XDG_RUNTIME_DIR'] ?? '',
  root: string = CGROUP_ROOT,
): UserManager | WithoutManager {
  if (root === CGROUP_ROOT && cgroupMode() !== 'v2') return 'v1'
  const group = join(root, managerPath(outerUser()))
  if (!existsSync(join(session, 'systemd/private')) || !existsSync(group)) return 'no manager'
  return existsSync(join(session, 'bus')) ? { controllers: controllersOf(group) } : 'no bus'
}

/** How long the user's systemd may take to move a process, milliseconds. */
const PATIENCE_MS = 5000

/**
 * Moves this process to where it may put others into the control groups of the user's scopes: into a scope of its own, gone
 * with its last process. The kernel lets a process be moved only by those who may write to the
 * group that is above both places, which for a login session is root's; systemd asks root's.
 */
export async function joinUserManager(): Promise<void> {
  const manager = managerPath(outerUser())
  const inside = (): boolean => readFileSync('/proc/self/cgroup', 'utf8').includes(`0::${manager}/`)
  if (inside()) return
  const properties = ['2', 'PIDs', 'au', '1', String(process.pid), 'CollectMode', 's', 'inactive-or-failed']
  const name = `cairn-${process.pid}-${crypto.randomUUID()}.scope`
  const object = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager']
  const words = ['StartTransientUnit', 'ssa(sv)a(sa(sv))', name, 'fail', ...properties, '0']
  const child = Bun.spawn(['busctl', '--user', '--quiet', 'call', ...object, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: runtimeEnvironment(),
  })
  const said = (await new Response(child.stderr).text()).trim()
  if ((await child.exited) !== 0) fail('unavailable', `systemd of this user gives no control group: ${said}`)
  // It answers that it will.
  for (const deadline = Date.now() + PATIENCE_MS; !inside(); await Bun.sleep(1))
    if (Date.now() > deadline) fail('unavailable', 'systemd of this user gives no control group: it did not in time')
}
