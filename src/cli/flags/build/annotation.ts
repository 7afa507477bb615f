import { fail } from '#base'
import type { AnnotationPlace, ImageAnnotation } from '#engine'
import { formatPlatform, parsePlatform } from '#oci'

const PLACES: readonly AnnotationPlace[] = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor']

/** One `--annotation`: `[PLACE[PLATFORM],…:]NAME=VALUE`; a place is one of four, by default the manifest. */
export function parseAnnotation(text: string): readonly ImageAnnotation[] {
  const equals = text.indexOf('=')
  if (equals <= 0) fail('invalid_argument', `invalid annotation ${JSON.stringify(text)}: expected name=value`)
  const colon = text.lastIndexOf(':', equals)
  const isPlaced =
    colon > 0 &&
    text
      .slice(0, colon)
      .split(',')
      .every((part) => PLACE.test(part))
  const places = isPlaced ? text.slice(0, colon).split(',') : ['manifest']
  const key = text.slice(isPlaced ? colon + 1 : 0, equals)
  if (key === '') fail('invalid_argument', `invalid annotation ${JSON.stringify(text)}: it has no name`)
  return places.map((part) => ({ ...placeOf(part, text), key, value: text.slice(equals + 1) }))
}

/** One attribute of `--output`: `annotation.NAME`, `annotation-index.NAME`, `annotation-manifest[linux/arm64].NAME`. */
export function annotationOfAttribute([name, value]: readonly [string, string]): ImageAnnotation {
  const [, place = 'manifest', platform, key] = /^annotation(?:-([a-z-]+))?(?:\[([^\]]*)\])?\.(.+)$/.exec(name) ?? []
  if (key === undefined) fail('invalid_argument', `--output knows no option ${JSON.stringify(name)}`)
  return { ...placeOf(platform === undefined ? place : `${place}[${platform}]`, name), key, value }
}

const PLACE = /^(manifest|index|manifest-descriptor|index-descriptor)(?:\[([^\]]+)\])?$/

function placeOf(text: string, whole: string): Pick<ImageAnnotation, 'place' | 'platform'> {
  const [, place, platform] =
    PLACE.exec(text) ??
    fail('invalid_argument', `invalid annotation ${JSON.stringify(whole)}: no such place ${JSON.stringify(text)}`, {
      hint: PLACES.join(', '),
    })
  if (platform !== undefined && place!.startsWith('index'))
    fail('invalid_argument', `invalid annotation ${JSON.stringify(whole)}: an index has no platform`)
  return {
    place: place as AnnotationPlace,
    ...(platform === undefined ? {} : { platform: formatPlatform(parsePlatform(platform)) }),
  }
}
