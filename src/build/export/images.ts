import type { Call } from '#base'
import { encodeDocument, MediaType } from '#oci'
import type { BuildHost, BuildResult, BuiltImage } from '../types.ts'
import { exportImage, putDocument, type ExportOptions } from './image.ts'

/** Writes each image, and the index of them where one is wanted: in the order in which they were asked for. */
export async function exportImages(
  host: BuildHost,
  made: readonly ExportOptions[],
  asIndex: boolean,
  call?: Call,
): Promise<Pick<BuildResult, 'root' | 'images'>> {
  const images: BuiltImage[] = []
  for (const image of made) images.push(await exportImage(host, image, call))
  if (!asIndex) return { root: images[0]!.root, images }
  const index = await encodeDocument(MediaType.ociIndex, {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: images.map(({ root, platform }) => ({ ...root, platform })),
  })
  await putDocument(host, index, call)
  return { root: index.descriptor, images }
}
