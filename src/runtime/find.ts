import { basename } from 'node:path'
import { fail } from '#base'
import { createDriver } from './driver.ts'
import { findProgram } from './program.ts'
import type { Runtime } from './types.ts'

export interface FindOptions {
  /** Run state; default `/run/cairn`. Containers of one runtime are known under `<run>/runtime/<name>`. */
  readonly run?: string
}

/**
 * An OCI runtime: by name, by path, or the best that is installed (crun, else runc).
 * `failed_precondition` with the command to install one when there is none.
 */
export function findRuntime(name?: string, options: FindOptions = {}): Runtime {
  const candidates = name === undefined ? ['crun', 'runc'] : [name]
  for (const candidate of candidates) {
    const path = findProgram(candidate)
    if (path) return createDriver({ path, name: candidate, run: options.run ?? '/run/cairn' })
  }
  return fail('failed_precondition', name === undefined ? 'no container runtime found' : `no runtime "${name}" found`, {
    hint: `install one: apt-get install ${name === undefined ? 'crun' : basename(name)}`,
  })
}

/** A static init for `--init`, by the names that distributions know: it becomes process 1. */
export function findInit(): string {
  for (const name of ['docker-init', 'catatonit', 'tini-static']) {
    const path = findProgram(name)
    if (path) return path
  }
  return fail('failed_precondition', 'no init found for --init', { hint: 'install one: apt-get install catatonit' })
}
