import { fail, streamOf, type Call } from '#base'
import { encodeDocument, MediaType, type Descriptor, type Digest, type Platform } from '#oci'
import type { StageState } from '../dockerfile/plan/state.ts'
import type { BuildHost } from '../types.ts'
import { imageConfig } from './config.ts'

export interface ExportOptions {
  readonly state: StageState
  readonly layers: readonly Digest[]
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
  readonly platform: Platform
}

export interface ExportedImage {
  readonly root: Descriptor
  readonly config: Digest
}

/** Writes config and manifest. Layers are listed uncompressed: decision 002. */
export async function exportImage(host: BuildHost, options: ExportOptions, call?: Call): Promise<ExportedImage> {
  const config = await encodeDocument(MediaType.ociConfig, imageConfig(options.state, options))
  const manifest = await encodeDocument(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: config.descriptor,
    layers: options.layers.map((digest) => layerDescriptor(host, digest)),
  })
  for (const { descriptor, bytes } of [config, manifest]) {
    host.lease.add(descriptor.digest)
    await host.content.put(descriptor, streamOf(bytes), call)
  }
  return { root: manifest.descriptor, config: config.descriptor.digest }
}

function layerDescriptor(host: BuildHost, digest: Digest): Descriptor {
  const info = host.layers.stat(digest) ?? fail('data_loss', `layer ${digest} is gone`, { hint: 'build again' })
  return { mediaType: MediaType.ociLayer, digest, size: info.tarSize }
}
