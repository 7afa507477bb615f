import { encodeDocument, MediaType } from '#oci'
import type { Descriptor, Digest, EncodedDocument, History, ImageConfig, Platform, ProcessConfig } from '#oci'

/** What a new image is made of. */
export interface Composition {
  readonly platform: Platform
  /** From the base up: each blob, and the digest of the tar inside it. */
  readonly layers: readonly { readonly descriptor: Descriptor; readonly diffId: Digest }[]
  readonly config?: ProcessConfig
  /** RFC 3339. Absent: the image names no time, and is the same whenever it is made. */
  readonly created?: string
  readonly author?: string
  readonly history?: readonly History[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** The two documents of a new image; put the config and the layers before the manifest. */
export interface ComposedImage {
  readonly manifest: EncodedDocument
  readonly config: EncodedDocument
}

/** Makes an OCI config and manifest. The same composition gives the same bytes. */
export async function composeImage(parts: Composition): Promise<ComposedImage> {
  const { platform, layers, created, author, history, annotations } = parts
  const document: ImageConfig = {
    ...(created === undefined ? {} : { created }),
    ...(author === undefined ? {} : { author }),
    ...platform,
    config: parts.config ?? {},
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    ...(history === undefined ? {} : { history }),
  }
  const config = await encodeDocument(MediaType.ociConfig, document)
  const manifest = await encodeDocument(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: config.descriptor,
    layers: layers.map((layer) => layer.descriptor),
    ...(annotations === undefined ? {} : { annotations }),
  })
  return { manifest, config }
}

/** What `docker import` is told about a root file system. */
export interface ImportDescription {
  readonly platform: Platform
  readonly config?: ProcessConfig
  /** RFC 3339. */
  readonly created?: string
  /** Stands in the history; Docker's default says where the tar came from. */
  readonly comment?: string
}

/** The image of one layer that a root file system's tar makes. */
export function importImage(
  layer: { readonly descriptor: Descriptor; readonly diffId: Digest },
  { platform, config, created, comment }: ImportDescription,
): Promise<ComposedImage> {
  const at = created === undefined ? {} : { created }
  return composeImage({
    platform,
    layers: [layer],
    ...(config === undefined ? {} : { config }),
    ...at,
    history: [{ ...at, ...(comment === undefined ? {} : { comment }) }],
  })
}
