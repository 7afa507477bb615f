import { fail } from '#base'
import { detectCompression } from '#codec'
import type { ArchiveFiles } from '#content'
import type { Compression } from '#oci'

/** How a layer in an archive is compressed: no docker-archive says it, so the bytes do. */
export async function compressionOf(files: ArchiveFiles, path: string): Promise<Compression> {
  for await (const chunk of files.read(path)) {
    const compression = detectCompression(chunk.subarray(0, 6))
    if (compression === 'bzip2' || compression === 'xz')
      fail('unimplemented', `${files.name}: layer ${path} is compressed with ${compression}`)
    return compression
  }
  return 'none'
}
