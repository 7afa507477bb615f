import type { Call } from '#base'
import { historyOf } from './history.ts'
import { archiveDifferences } from './layerdifference.ts'
import type { OpenedImage } from './types.ts'

/** One thing in which two images are not the same. */
export interface ImageDifference {
  /** Where: the config, or a layer counted from 1 at the base. */
  readonly layer?: number
  /** What made that layer, as its history says. */
  readonly createdBy?: string
  /** A path in the layer, absolute; or a member of the config. */
  readonly path: string
  /** `mode`, `content`, `time` …; `presence` when only one of them has it. */
  readonly field: string
  readonly first: string
  readonly second: string
}

/**
 * In what two images differ, the lowest layer first and paths in their order, then the configs. Images under one digest
 * differ in nothing; layers under one diff ID are not read. Of layers that differ the archives are compared member by
 * member, their contents by digest.
 */
export async function* imageDifferences(
  first: OpenedImage,
  second: OpenedImage,
  call?: Call,
): AsyncGenerator<ImageDifference, void, void> {
  if (first.descriptor.digest === second.descriptor.digest) return
  const steps = [historyOf(first), historyOf(second)].map((all) => all.filter(({ layer }) => layer !== undefined))
  const [a = [], b = []] = steps
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [one, other] = [a[i]!.layer!, b[i]!.layer!]
    if (one.diffId === other.diffId) continue
    const createdBy = a[i]!.history.created_by
    for await (const difference of archiveDifferences(await one.tar(call), await other.tar(call)))
      yield { layer: i + 1, ...(createdBy === undefined ? {} : { createdBy }), ...difference }
  }
  if (a.length !== b.length)
    yield { path: 'rootfs', field: 'layers', first: `${a.length} layers`, second: `${b.length} layers` }
  yield* memberDifferences(first.config, second.config, '')
}

/** Members of two documents that are not the same, but for the diff IDs: what those stand for has been compared. */
function* memberDifferences(first: unknown, second: unknown, path: string): Generator<ImageDifference, void, void> {
  if (path === 'rootfs' || first === second) return
  if (isObject(first) && isObject(second)) {
    for (const key of [...new Set([...Object.keys(first), ...Object.keys(second)])].sort())
      yield* memberDifferences(first[key], second[key], path === '' ? key : `${path}.${key}`)
    return
  }
  const [a, b] = [first, second].map((value) => (value === undefined ? 'absent' : JSON.stringify(value)))
  yield { path, field: 'config', first: a!, second: b! }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
