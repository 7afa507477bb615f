import { fail } from '#base'
import { inUserNamespace } from '#sys'
import { CONTROLLERS, type Controller } from '../cgroup/controllers.ts'
import type { UserManager, WithoutManager } from '../cgroup/usermanager.ts'
import type { ResourceOptions } from './types.ts'

const NEEDED: Readonly<Record<keyof ResourceOptions, Controller>> = {
  memory: 'memory',
  memoryReservation: 'memory',
  memorySwap: 'memory',
  cpus: 'cpu',
  cpuShares: 'cpu',
  cpuPeriod: 'cpu',
  cpuQuota: 'cpu',
  cpusetCpus: 'cpuset',
  cpusetMems: 'cpuset',
  pidsLimit: 'pids',
}

/** What a user can do where there is no systemd of theirs to ask. */
export const MANAGER_CURES: Readonly<Record<WithoutManager, string>> = {
  v1: 'boot with  systemd.unified_cgroup_hierarchy=1',
  'no manager': 'log in as this user (by ssh or at a console, not by su), or as root: loginctl enable-linger USER',
  'no bus': 'apt-get install dbus-user-session, and log in again',
}

/** What root does to have systemd hand on a controller that it does not by default. */
export const DELEGATE_CURE: string =
  'as root: mkdir -p /etc/systemd/system/user@.service.d; ' +
  "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' > /etc/systemd/system/user@.service.d/delegate.conf; " +
  'systemctl daemon-reload; then log in again'

/** Whether a container is to be limited. */
export function isLimited(resources: ResourceOptions = {}): boolean {
  return Object.keys(resources).length > 0
}

/** Whether a container with these limits gets a control group: on behalf of a user who is not root only limited ones do. */
export function hasGroup(resources: ResourceOptions | undefined): boolean {
  return !inUserNamespace() || isLimited(resources)
}

/** `failed_precondition` for a limit that a user who is not root cannot be given. */
export function checkDelegated(resources: ResourceOptions = {}, manager: UserManager | WithoutManager): void {
  if (typeof manager === 'string')
    fail(
      'failed_precondition',
      `a user’s container cannot be limited here: no systemd of the user’s gives control groups`,
      {
        hint: `${MANAGER_CURES[manager]}; or leave the limits out`,
      },
    )
  const wanted = new Set((Object.keys(resources) as (keyof ResourceOptions)[]).map((name) => NEEDED[name]))
  const missing = [...wanted].filter((controller) => !manager.controllers.includes(controller))
  if (missing.length > 0)
    fail(
      'failed_precondition',
      `${missing.flatMap((name) => CONTROLLERS[name]).join(', ')}: systemd does not delegate ${missing.join(', ')} to this user`,
      { hint: DELEGATE_CURE },
    )
}
