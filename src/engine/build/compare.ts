import type { Call } from '#base'
import { leakAt } from '#build'
import { imageDifferences, type OpenedImage } from '#image'
import type { Digest } from '#oci'
import type { BuildDifference, Verification } from './verification.ts'

/** Differences that are worth reading; the first few tell the cause of all. */
const MOST = 20

/** In what pairs of images differ, with the usual causes. Nothing is read when the digests are one. */
export async function compareImages(
  pairs: readonly (readonly [OpenedImage, OpenedImage])[],
  digests: readonly [Digest, Digest],
  call?: Call,
): Promise<Verification> {
  const differences: BuildDifference[] = []
  if (digests[0] === digests[1]) return { digests, differences, more: false }
  for (const [first, second] of pairs)
    for await (const difference of imageDifferences(first, second, call)) {
      const leak = leakAt(difference.path)
      differences.push({ ...difference, ...(leak && { leak }) })
      if (differences.length === MOST) return { digests, differences, more: true }
    }
  return { digests, differences, more: false }
}
