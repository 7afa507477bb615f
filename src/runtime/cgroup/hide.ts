import { applyMounts, inPrivateMounts } from '#sys'
import { fail } from '#base'
import { CGROUP_ROOT, cgroupMode } from './mode.ts'

/**
 * Makes a hybrid host look like v1 to runtimes, which refuse (crun) or litter (runc) the v2 tree
 * beside it: an empty tmpfs over `unified`, in this process's private mount namespace. Merely
 * unmounting the tree would leave its directories behind. Free on other hosts and when done already.
 */
export function hideUnifiedCgroups(): void {
  if (cgroupMode() !== 'hybrid') return
  if (!inPrivateMounts()) {
    fail('failed_precondition', 'a container can only be created from a private mount namespace on this host')
  }
  // Each container leaves a page behind (crun's cgroup.procs): a build of many steps needs many.
  applyMounts([{ type: 'tmpfs', target: `${CGROUP_ROOT}/unified`, options: 'size=64m,mode=755' }])
}
