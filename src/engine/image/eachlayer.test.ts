import { expect, test } from 'bun:test'
import type { Layer } from '#image'
import { digestOf, MediaType } from '#oci'
import { utf8 } from '#base'
import { eachLayer } from './eachlayer.ts'

const layer = async (size: number): Promise<Layer> => {
  const digest = await digestOf(utf8(String(size)))
  const descriptor = { mediaType: MediaType.ociLayerGzip, digest, size }
  return { descriptor, diffId: digest, blob: () => Promise.reject(new Error('not read')) } as unknown as Layer
}

test('the largest is begun first, each once', async () => {
  const begun: number[] = []
  const layers = await Promise.all([3, 9, 1, 9, 7].map(layer))
  await eachLayer(layers, async ({ descriptor }) => void begun.push(descriptor.size))
  expect(begun).toEqual([9, 7, 3, 1])
})
