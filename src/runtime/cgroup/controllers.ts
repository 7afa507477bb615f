import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '#sys'
import { cgroupMode, CGROUP_ROOT, type CgroupMode } from './mode.ts'

/** What limits a container, and the flags that ask for it. */
export const CONTROLLERS = {
  memory: ['--memory', '--memory-swap', '--memory-reservation'],
  cpu: ['--cpus', '--cpu-shares', '--cpu-period', '--cpu-quota'],
  cpuset: ['--cpuset-cpus', '--cpuset-mems'],
  pids: ['--pids-limit'],
} as const

export type Controller = keyof typeof CONTROLLERS

/** The controllers that the hierarchy at `root` does not have: kernels are built, and booted, without some. */
export function missingControllers(mode: CgroupMode = cgroupMode(), root: string = CGROUP_ROOT): Controller[] {
  const names = Object.keys(CONTROLLERS) as Controller[]
  if (mode !== 'v2') return names.filter((name) => !existsSync(join(root, name)))
  const available = controllersOf(root)
  return names.filter((name) => !available.includes(name))
}

/** cgroup-v2.rst, `cgroup.controllers`: what may be enabled for the children of a group; nothing for those of an absent one. */
export function controllersOf(group: string): string[] {
  try {
    return readFileSync(join(group, 'cgroup.controllers'), 'utf8').split(/\s+/).filter(Boolean)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
