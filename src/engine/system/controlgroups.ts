import { existsSync, readFileSync } from 'node:fs'
import { cgroupMode, CONTROLLERS, delegatedControllers, missingControllers } from '#runtime'
import { inUserNamespace } from '#sys'
import type { Requirement } from '../types.ts'

/** Whether this process is root of the machine, not of a user namespace. */
export function machineRoot(): boolean {
  return process.getuid?.() === 0 && !inUserNamespace()
}

/** What containers can be limited with. */
export function controlGroups(): Requirement {
  const name = 'control groups'
  if (!machineRoot()) return { name, state: 'degraded', ...ofSomebodyElse() }
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

function ofSomebodyElse(): Omit<Requirement, 'name' | 'state'> {
  const delegated = delegatedControllers(outerUser())
  return {
    found: delegated.length > 0 ? `root’s; what systemd delegates (${delegated.join(', ')}) is not used` : 'root’s',
    cost: 'limits: -m, --cpus, --pids-limit are refused',
    cure: 'run it as root: sudo cairn …',
  }
}

/** Who this process is to the machine: root of a user's namespace is that user (user_namespaces(7), `uid_map`). */
function outerUser(): number {
  const uid = process.getuid?.() ?? 0
  if (!inUserNamespace()) return uid
  const root = /^\s*0\s+(\d+)\s/m.exec(readFileSync('/proc/self/uid_map', 'utf8'))
  return root ? Number(root[1]) : uid
}
