import { fail } from '#base'
import type { Call } from '#base'
import { isLayout, layoutArchive } from '#content'
import type { ArchiveFiles, ImageArchive } from '#content'
import { directoryTransport, isDirectoryTransport } from './directorytransport.ts'
import { dockerArchive, isDockerArchive } from './dockerarchive/read.ts'

/**
 * An image archive of any kind as something to copy from. An archive that is both is read as an
 * OCI layout: that has the manifests as they were pushed, a docker-archive has none.
 */
export async function openImageArchive(files: ArchiveFiles, call?: Call): Promise<ImageArchive> {
  if (isLayout(files)) return layoutArchive(files)
  if (isDirectoryTransport(files)) return directoryTransport(files)
  if (isDockerArchive(files)) return dockerArchive(files, call)
  return fail('invalid_argument', `${files.name} is no image archive`, {
    hint: 'expected an OCI layout or the output of `docker save`; a root file system is imported',
  })
}
