import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { checkCanceled, fail } from '#base'
import type { ByteStream, Call } from '#base'
import { algorithmOf } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { diskError } from './diskerror.ts'
import { openFileSink } from './filesink.ts'

/** Writes a blob to `temporary`, checks it, and gives it its place; nothing is left when that fails. */
export async function writeBlob(
  files: { readonly temporary: string; readonly path: string },
  d: Descriptor,
  bytes: ByteStream,
  call?: Call,
): Promise<void> {
  const sink = await openFileSink(files.temporary)
  try {
    for await (const chunk of bytes) {
      checkCanceled(call)
      if (sink.size + chunk.length > d.size) fail('data_loss', `${d.digest} should have ${d.size} bytes, but more came`)
      await sink.write(chunk)
    }
    checkWritten(d, { digest: await sink.finish(algorithmOf(d.digest)), size: sink.size })
    await sink.close()
    publish(files.temporary, files.path)
  } catch (error) {
    await sink.close().catch(() => undefined)
    rmSync(files.temporary, { force: true })
    throw error
  }
}

/** Refuses bytes that are not those announced. */
export function checkWritten(
  expected: Pick<Descriptor, 'digest' | 'size'>,
  actual: { readonly digest: Digest; readonly size: number },
): void {
  if (actual.size !== expected.size)
    fail('data_loss', `${expected.digest} should have ${expected.size} bytes, but ${actual.size} came`)
  if (actual.digest !== expected.digest)
    fail('data_loss', `expected bytes with digest ${expected.digest}, but those that came have ${actual.digest}`)
}

/** Makes a finished file visible under its name, whole. */
export function publish(from: string, to: string): void {
  try {
    // Readable by all where the directory above allows it: a store closes its root instead.
    mkdirSync(dirname(to), { recursive: true })
    renameSync(from, to)
  } catch (error) {
    throw diskError(error, 'write', to)
  }
}
