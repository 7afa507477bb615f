import { fail, streamOf, type Call } from '#base'
import { encodeDocument, MediaType, type Descriptor, type Digest, type EncodedDocument, type Platform } from '#oci'
import type { StageState } from '../dockerfile/plan/state.ts'
import type { BuildHost, BuiltImage } from '../types.ts'
import { imageConfig } from './config.ts'

export interface ExportOptions {
  readonly state: StageState
  readonly layers: readonly Digest[]
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
  readonly platform: Platform
  /** Bytes of a layer's tar, where the layer itself is not here. */
  readonly sizeOf?: (layer: Digest) => Promise<number | undefined>
}

/** Writes config and manifest. The build's own layers are listed uncompressed, the base's as it lists them: decision 002. */
export async function exportImage(host: BuildHost, options: ExportOptions, call?: Call): Promise<BuiltImage> {
  const { state, layers, platform } = options
  const config = await encodeDocument(MediaType.ociConfig, imageConfig(state, options))
  const based = await baseLayers(host, state, layers, call)
  const listed: Descriptor[] = []
  for (const [i, digest] of layers.entries()) listed.push(based[i] ?? (await plainLayer(host, digest, options)))
  const manifest = await encodeDocument(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: config.descriptor,
    layers: listed,
  })
  for (const document of [config, manifest]) await putDocument(host, document, call)
  return { platform, root: manifest.descriptor, imageId: config.descriptor.digest, layers }
}

/** Keeps a document that was made, for as long as the build's lease lasts. */
export async function putDocument(host: BuildHost, { descriptor, bytes }: EncodedDocument, call?: Call): Promise<void> {
  host.lease.add(descriptor.digest)
  await host.content.put(descriptor, streamOf(bytes), call)
}

/** The base's layers in OCI's words. All or none: where one blob is not kept, all are made again. */
async function baseLayers(
  host: BuildHost,
  { baseLayers: base }: StageState,
  layers: readonly Digest[],
  call?: Call,
): Promise<readonly Descriptor[]> {
  for (const [i, { descriptor }] of base.entries()) {
    if (descriptor.digest === layers[i]) continue
    host.lease.add(descriptor.digest)
    if (!(await host.content.has(descriptor, call))) return []
  }
  return base.map(({ descriptor: { mediaType, digest, size, urls } }) => ({
    mediaType: OCI_TYPES[mediaType] ?? mediaType,
    digest,
    size,
    ...(urls ? { urls } : {}),
  }))
}

const OCI_TYPES: Readonly<Record<string, string>> = {
  [MediaType.dockerLayer]: MediaType.ociLayer,
  [MediaType.dockerLayerGzip]: MediaType.ociLayerGzip,
}

async function plainLayer(host: BuildHost, digest: Digest, { sizeOf }: ExportOptions): Promise<Descriptor> {
  const size = host.layers.stat(digest)?.tarSize ?? (await sizeOf?.(digest))
  if (size === undefined) fail('data_loss', `layer ${digest} is gone`, { hint: 'build again' })
  return { mediaType: MediaType.ociLayer, digest, size }
}
