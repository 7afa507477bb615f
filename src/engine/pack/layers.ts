import type { Call } from '#base'
import type { Layer, OpenedImage } from '#image'
import { layerCompression, MediaType, type Descriptor, type Digest } from '#oci'
import { eachLayer } from '../image/eachlayer.ts'
import { compressedLayer, isInForm, isPlainLayer, layerType, LEVELS } from './layerforms.ts'
import type { Packing } from './pack.ts'

/**
 * An image's layers in the form that was asked for; those that have it already are the same descriptors. `asItCame`:
 * only those that are lost change.
 */
export async function packedLayers(
  packing: Packing,
  image: OpenedImage,
  asItCame: boolean,
  call?: Call,
): Promise<readonly Descriptor[]> {
  const { options } = packing
  const made = new Map<Digest, Descriptor>()
  const changing = image.layers.filter(
    ({ descriptor }) => options.lost?.has(descriptor.digest) || (!asItCame && changes(packing, descriptor)),
  )
  await eachLayer(
    changing,
    async (layer, inner) => void made.set(layer.descriptor.digest, await packedLayer(packing, layer, inner)),
    call,
  )
  return image.layers.map(({ descriptor }) => inFamily(made.get(descriptor.digest) ?? descriptor, options.ociTypes))
}

function changes({ options: { compression, force } }: Packing, descriptor: Descriptor): boolean {
  if (compression === undefined || isInForm(descriptor, compression)) return false
  // A compressed layer is one level or another: only its kind is known.
  return isPlainLayer(descriptor) || (force === true && descriptor.urls === undefined)
}

async function packedLayer({ parts, options, lease }: Packing, layer: Layer, call: Call): Promise<Descriptor> {
  const { compression = 'none' } = options
  if (compression !== 'none') {
    const form = { compression, level: options.level ?? LEVELS[compression][2] }
    return compressedLayer(parts, layer, { form, lease }, call)
  }
  const layers = await parts.layers()
  const { diffId, descriptor } = layer
  const info = layers.stat(diffId) ?? (await layers.add(layer, () => layer.blob(call), undefined, call))
  lease.add(diffId)
  return { mediaType: layerType(descriptor.mediaType, 'none'), digest: diffId, size: info.tarSize }
}

function inFamily(descriptor: Descriptor, ociTypes: boolean | undefined): Descriptor {
  const compression = layerCompression(descriptor.mediaType)
  if (ociTypes === undefined || compression === undefined || descriptor.urls) return descriptor
  const mediaType = layerType(ociTypes ? MediaType.ociLayer : MediaType.dockerLayer, compression)
  return mediaType === descriptor.mediaType ? descriptor : { ...descriptor, mediaType }
}
