/** image-spec media-types.md and Docker's schema 2. */
export const MediaType = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

/** The compressions that image-spec knows of layers. */
export type Compression = 'none' | 'gzip' | 'zstd'

/** True for an OCI index and Docker's manifest list. */
export function isIndex(mediaType: string): boolean {
  return mediaType === MediaType.ociIndex || mediaType === MediaType.dockerManifestList
}

/** True for an OCI manifest and Docker's of schema 2. */
export function isManifest(mediaType: string): boolean {
  return mediaType === MediaType.ociManifest || mediaType === MediaType.dockerManifest
}

/** True for the config of an image, OCI's or Docker's; an artifact's config is none. */
export function isImageConfig(mediaType: string): boolean {
  return mediaType === MediaType.ociConfig || mediaType === MediaType.dockerConfig
}

/** How a layer of this media type is compressed; undefined for what is no layer (nondistributable ones count). */
export function layerCompression(mediaType: string): Compression | undefined {
  const base = mediaType.replace('.nondistributable.', '.').replace('.foreign.', '.')
  switch (base) {
    case MediaType.ociLayer:
    case MediaType.dockerLayer:
      return 'none'
    case MediaType.ociLayerGzip:
    case MediaType.dockerLayerGzip:
      return 'gzip'
    case MediaType.ociLayerZstd:
    case 'application/vnd.docker.image.rootfs.diff.tar.zstd':
      return 'zstd'
    default:
      return undefined
  }
}
