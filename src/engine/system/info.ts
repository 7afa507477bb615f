import { readFileSync } from 'node:fs'
import { availableParallelism, hostname, machine, release, totalmem } from 'node:os'
import { isCode } from '#base'
import {
  cgroupMode,
  findInit,
  findProgram,
  hostFacts,
  missingControllers,
  userManager,
  type Controller,
} from '#runtime'
import { isErrno } from '#sys'
import type { Parts } from '../parts.ts'
import type { SystemInfo } from '../types.ts'

/** What is here: counted, and asked of the machine. Starts nothing, changes nothing. */
export async function info(parts: Parts): Promise<SystemInfo> {
  const states = parts.containers.list().map(({ state }) => state)
  const count = (...wanted: readonly string[]): number => states.filter((state) => wanted.includes(state)).length
  const host = hostFacts()
  const has = controllers(host.userNamespace)
  const runtimes = ['crun', 'runc'].filter((name) => findProgram(name) !== undefined)
  const [layers, names] = await Promise.all([parts.layers(), parts.names()])
  return {
    root: parts.paths.root,
    run: parts.paths.run,
    running: count('running'),
    paused: count('paused'),
    stopped: count('created', 'exited', 'starting', 'removing'),
    images: new Set(names.list().map(({ root }) => root.digest)).size,
    layerFormat: layers.format,
    cgroups: cgroupMode(),
    limits: {
      memory: has('memory'),
      swap: has('memory') && host.swapLimit,
      cpu: has('cpu'),
      cpuset: has('cpuset'),
      pids: has('pids'),
    },
    runtimes,
    defaultRuntime: await defaultRuntime(parts),
    init: initProgram(),
    rootless: host.userNamespace,
    appArmor: host.appArmor.enabled,
    kernel: release(),
    system: systemName(),
    machine: machine(),
    processors: availableParallelism(),
    memory: totalmem(),
    hostname: hostname(),
  }
}

/** What a container can be limited in: by the host's controllers, or by those that a user's systemd hands on. */
function controllers(isUser: boolean): (name: Controller) => boolean {
  if (!isUser) {
    const missing = missingControllers()
    return (name) => !missing.includes(name)
  }
  const manager = userManager()
  return (name) => typeof manager !== 'string' && manager.controllers.includes(name)
}

async function defaultRuntime(parts: Parts): Promise<string | undefined> {
  try {
    return (await parts.runtime()).name
  } catch (error) {
    if (isCode(error, 'failed_precondition') || isCode(error, 'not_found')) return undefined
    throw error
  }
}

function initProgram(): string | undefined {
  try {
    return findInit()
  } catch (error) {
    if (isCode(error, 'failed_precondition') || isCode(error, 'not_found')) return undefined
    throw error
  }
}

/** os-release(5) */
function systemName(): string {
  for (const path of ['/etc/os-release', '/usr/lib/os-release'])
    try {
      const name = /^PRETTY_NAME=(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1]
      if (name) return name.replace(/^(["'])(.*)\1$/, '$2')
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
  return 'Linux'
}
