import type { Op } from '../types.ts'
import { copyOp } from './copy.ts'
import type { BuildVertex, Stack } from './definition.ts'
import { imageOp } from './image.ts'
import { mergeOp } from './merge.ts'
import { mkdirOp } from './mkdir.ts'
import { runOp } from './run.ts'
import { squashOp } from './squash.ts'
import type { StepEnvironment } from './step.ts'

/** How each kind of definition is evaluated. */
export function opOf({ def }: BuildVertex, environment: StepEnvironment): Op<Stack> {
  switch (def.op) {
    case 'image':
      return imageOp(def, environment)
    case 'run':
      return runOp(def, environment)
    case 'mkdir':
      return mkdirOp(def, environment)
    case 'copy':
      return copyOp(def, environment)
    case 'merge':
      return mergeOp(def)
    case 'squash':
      return squashOp(def, environment)
    case 'http':
      return later(async () => (await import('./http.ts')).httpOp(def, environment))
    case 'git':
      return later(async () => (await import('./git.ts')).gitOp(def, environment))
  }
}

/** An op whose code is loaded when it is first asked: few builds read URLs or git. */
function later(load: () => Promise<Op<Stack>>): Op<Stack> {
  let op: Promise<Op<Stack>> | undefined
  const loaded = (): Promise<Op<Stack>> => (op ??= load())
  return {
    cacheMap: async (call) => (await loaded()).cacheMap(call),
    exec: async (inputs, call) => (await loaded()).exec(inputs, call),
  }
}
