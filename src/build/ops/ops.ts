import type { Op } from '../types.ts'
import { copyOp } from './copy.ts'
import type { BuildVertex, Stack } from './definition.ts'
import { gitOp } from './git.ts'
import { httpOp } from './http.ts'
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
      return httpOp(def, environment)
    case 'git':
      return gitOp(def, environment)
  }
}
