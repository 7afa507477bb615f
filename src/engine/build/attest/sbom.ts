import type { Call } from '#base'
import type { BuildHost, BuiltImage } from '#build'
import { fileTree, layerOf } from '#image'
import { familiarName, MediaType, parseReference } from '#oci'
import { catalogPackages, spdxDocument } from '#trust'
import type { Parts } from '../../parts.ts'
import { imageContent } from '../../image/content.ts'

/** What an image holds, as SPDX. Read from the layers' own tars: nothing is mounted or unpacked. */
export async function sbomOf(
  parts: Parts,
  of: {
    readonly host: BuildHost
    readonly image: BuiltImage
    readonly name: string | undefined
    readonly created: number
  },
  call?: Call,
): Promise<object> {
  const { host, image, name, created } = of
  const content = await imageContent(parts)
  const layers = image.layers.map((digest) => {
    const size = host.layers.stat(digest)?.tarSize ?? 0
    return layerOf(content, { mediaType: MediaType.ociLayer, digest, size }, digest)
  })
  const step = { kind: 'vertex', id: `sbom ${image.imageId}`, name: 'listing packages', started: Date.now() } as const
  call?.progress?.(step)
  const catalog = await catalogPackages(await fileTree({ layers }, call), call)
  call?.progress?.({ ...step, completed: Date.now() })
  return spdxDocument(catalog, {
    name: name === undefined ? 'image' : familiarName(parseReference(name)),
    image: image.imageId,
    created: new Date(created * 1000).toISOString().replace('.000Z', 'Z'),
    tool: 'cairn',
  })
}
