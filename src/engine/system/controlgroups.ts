import { existsSync } from 'node:fs'
import {
  cgroupMode,
  CONTROLLERS,
  DELEGATE_CURE,
  MANAGER_CURES,
  missingControllers,
  userManager,
  type Controller,
} from '#runtime'
import { inUserNamespace } from '#sys'
import type { Requirement } from '../types.ts'

/** Whether this process is root of the machine, not of a user namespace. */
export function machineRoot(): boolean {
  return process.getuid?.() === 0 && !inUserNamespace()
}

/** What containers can be limited with. */
export function controlGroups(): Requirement {
  const name = 'control groups'
  if (!machineRoot()) return { name, ...delegated() }
  const mode = cgroupMode()
  const missing = missingControllers(mode)
  if (missing.length === 0) return { name, state: 'ok', found: mode }
  if (!existsSync('/sys/fs/cgroup') || missing.length === Object.keys(CONTROLLERS).length)
    return {
      name,
      state: 'missing',
      found: mode === 'v2' ? 'v2, without controllers' : 'not mounted',
      cost: 'containers cannot be limited, and runtimes refuse to start them',
      cure:
        mode === 'v2'
          ? 'give them to this group: cgroup.subtree_control of the one above'
          : 'mount -t cgroup2 none /sys/fs/cgroup',
    }
  return {
    name,
    state: 'degraded',
    found: `${mode}, without ${missing.join(', ')}`,
    cost: `limits: ${missing.flatMap((controller) => CONTROLLERS[controller]).join(', ')}`,
    cure: `boot with  cgroup_enable=${missing.join(',')}  or a kernel that has them`,
  }
}

/** Of a user who is not root: what the user's systemd hands on. */
export function delegated(manager: ReturnType<typeof userManager> = userManager()): Omit<Requirement, 'name'> {
  if (typeof manager === 'string')
    return {
      state: 'degraded',
      found: 'root’s, and no systemd of this user that has some',
      cost: 'limits: -m, --cpus, --pids-limit are refused',
      cure: MANAGER_CURES[manager],
    }
  const missing = (Object.keys(CONTROLLERS) as Controller[]).filter((name) => !manager.controllers.includes(name))
  if (missing.length === 0) return { state: 'ok', found: 'v2, from systemd of this user' }
  return {
    state: 'degraded',
    found: `v2, from systemd of this user, without ${missing.join(', ')}`,
    cost: `limits: ${missing.flatMap((name) => CONTROLLERS[name]).join(', ')}`,
    cure: DELEGATE_CURE,
  }
}
