import type { ByteStream, Call } from '#base'
import type { Parts } from '../parts.ts'
import { mountView } from './rootfs.ts'

/** A container's file system as a tar, volumes left out as Docker leaves them out. */
export async function exportRoot(parts: Parts, ref: string, call?: Call): Promise<ByteStream> {
  const record = parts.containers.find(ref)
  const [differ, path] = await Promise.all([parts.differ(), mountView(parts, record, call)])
  return differ.compare(path, {}, call)
}
