import { fail } from '#base'
import { formatPlatform, normalizePlatform, type Platform } from '#oci'
import type { AnnotationPlace, ImageAnnotation } from './types.ts'

type Annotations = Readonly<Record<string, string>>

/** A document's annotations with those of one place added, in order of their names; undefined when there are none. */
export function annotated(
  before: Annotations | undefined,
  all: readonly ImageAnnotation[],
  place: AnnotationPlace,
  platform?: Platform,
): Annotations | undefined {
  const own = all.filter((item) => item.place === place && suits(item, platform))
  if (own.length === 0) return before
  const merged = { ...before, ...Object.fromEntries(own.map(({ key, value }) => [key, value])) }
  return Object.fromEntries(Object.entries(merged).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function suits(item: ImageAnnotation, platform: Platform | undefined): boolean {
  if (item.platform === undefined) return true
  return platform !== undefined && formatPlatform(normalizePlatform(platform)) === item.platform
}

/** An annotation that has no place in the result is refused rather than lost. */
export function checkPlaces(all: readonly ImageAnnotation[], isIndex: boolean, platforms: readonly Platform[]): void {
  for (const item of all) {
    if (item.place === 'index' && !isIndex)
      fail('failed_precondition', `the annotation index:${item.key} has no index to go into`, {
        hint: 'an image for one platform has none: build for several, or annotate the manifest',
      })
    if (item.platform !== undefined && !platforms.some((platform) => suits(item, platform)))
      fail('failed_precondition', `the annotation ${item.key} is for ${item.platform}, which is not built`)
  }
}
