import { fail } from '#base'
import type { Call } from '#base'
import { openBlob } from '#content'
import type { ArchiveFiles, ImageArchive } from '#content'
import { describe, hexOf, isIndex, isManifest, parseDigest, parseObject, sniffMediaType } from '#oci'
import type { Descriptor } from '#oci'
import { MANIFEST_FILE } from './dockerarchive/manifestfile.ts'

/** Says what the directory is: `Directory Transport Version: 1.1`. */
const VERSION_FILE = 'version'
const VERSION = /^Directory Transport Version: (\S+)\n?$/

/** True for what `skopeo copy … dir:` and `podman save --format docker-dir` write. */
export function isDirectoryTransport(files: ArchiveFiles): boolean {
  return versionOf(files) !== undefined && files.size(MANIFEST_FILE) !== undefined
}

/**
 * The `dir:` transport of containers/image as something to copy from: one manifest as it was pushed, and its blobs,
 * each a file named by the digits of its digest. The manifests that an index lists are `DIGITS.manifest.json`.
 */
export async function directoryTransport(files: ArchiveFiles): Promise<ImageArchive> {
  const version = versionOf(files) ?? ''
  if (!version.startsWith('1.')) fail('unimplemented', `${files.name} is a dir: of version ${version}; 1.x is known`)
  const bytes = files.document(MANIFEST_FILE) ?? fail('invalid_argument', `${files.name} has no ${MANIFEST_FILE}`)
  if (parseObject(bytes, MANIFEST_FILE).schemaVersion === 1)
    fail('unimplemented', `${files.name} holds a manifest of schema 1`, {
      hint: 'skopeo copy --format oci converts it',
    })
  const root = (await describe(sniffMediaType(bytes), bytes)).descriptor
  const pathOf = (d: Descriptor): string => {
    if (d.digest === root.digest) return MANIFEST_FILE
    const name = hexOf(parseDigest(d.digest))
    return isManifest(d.mediaType) || isIndex(d.mediaType) ? `${name}.manifest.json` : name
  }
  return {
    images: async () => [{ root, names: [] }],
    resolve: async (ref) =>
      ref === root.digest ? root : fail('not_found', `${files.name} holds one image, without a name, and no ${ref}`),
    has: async (d) => files.size(pathOf(d)) === d.size,
    open: async (d, call?: Call & { readonly offset?: number }) => openBlob(files, pathOf(d), d, call),
  }
}

function versionOf(files: ArchiveFiles): string | undefined {
  const size = files.size(VERSION_FILE)
  const bytes = size !== undefined && size < 100 ? files.document(VERSION_FILE) : undefined
  return bytes && VERSION.exec(new TextDecoder().decode(bytes))?.[1]
}
