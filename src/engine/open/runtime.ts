import { findRuntime, type Runtime } from '#runtime'
import type { Parts } from '../parts.ts'

export function runtime(parts: Parts, name?: string): Runtime {
  return findRuntime(name, { run: parts.paths.run })
}
