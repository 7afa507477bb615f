import { fail, streamOf, type ByteStream, type Call } from '#base'
import { parseDockerfile, planBuild } from '#build'
import { decompress, detected } from '#codec'
import { acquireLease } from '#content'
import { importImage } from '#image'
import {
  formatReference,
  hostPlatform,
  MediaType,
  parseReference,
  withDefaultTag,
  type Digest,
  type ProcessConfig,
} from '#oci'
import type { Parts } from '../parts.ts'
import type { ImportOptions } from '../types.ts'

/** Docker's list of what `--change` may say. */
const CHANGES = /^\s*(CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s/i

/**
 * Makes an image of one layer from a root file system's tar (compressed or not). The image names no
 * time of its own, so the same tar makes the same image whenever it is imported. Answers the image's ID.
 */
export async function importRoot(
  parts: Parts,
  tar: ByteStream,
  options: ImportOptions = {},
  call?: Call,
): Promise<Digest> {
  // Checked before a gigabyte is read.
  const name = options.name === undefined ? undefined : nameOf(options.name)
  const config = await configOf(options.changes ?? [])
  const [store, layers, names] = await Promise.all([parts.store(), parts.layers(), parts.names()])
  await using lease = acquireLease(parts.db, `import ${options.name ?? ''}`.trim())
  const { compression, stream } = await detected(tar)
  // What layers are compressed with is taken off on the way, a thread ahead.
  const isRare = compression === 'bzip2' || compression === 'xz'
  const { diffId, tarSize } = await layers.create(isRare ? decompress(stream, compression) : stream, call)
  lease.add(diffId)
  // One that was here already, and needed by nobody, may have been swept before the lease was seen.
  if (!layers.stat(diffId)) fail('unavailable', 'the layer was removed while it was imported: try again')
  const descriptor = { mediaType: MediaType.ociLayer, digest: diffId, size: tarSize }
  const image = await importImage(
    { descriptor, diffId },
    { platform: hostPlatform(), config, comment: options.message ?? 'Imported from -' },
  )
  const leased = store.leased(lease)
  for (const document of [image.config, image.manifest])
    await leased.put(document.descriptor, streamOf(document.bytes), call)
  if (name === undefined) names.keep(image.manifest.descriptor)
  else names.tag(image.manifest.descriptor, name, Date.now())
  return image.config.descriptor.digest
}

function nameOf(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined) fail('invalid_argument', `cannot import digest reference ${JSON.stringify(text)}`)
  return formatReference(withDefaultTag(reference))
}

/** The instructions' effect on an empty configuration: they are read as a Dockerfile reads them. */
async function configOf(changes: readonly string[]): Promise<ProcessConfig> {
  for (const change of changes)
    if (!CHANGES.test(change) || change.includes('\n'))
      fail('invalid_argument', `${change.trim().split(/\s/)[0] ?? ''} is not a valid change command`, {
        hint: 'CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME or WORKDIR',
      })
  if (changes.length === 0) return {}
  const resolveImage = (ref: string): never => fail('invalid_argument', `an import has no base image: ${ref}`)
  const plan = await planBuild(parseDockerfile(['FROM scratch', ...changes].join('\n'), '--change'), { resolveImage })
  const empty = await planBuild(parseDockerfile('FROM scratch'), { resolveImage })
  const before = new Set(empty.state.config.Env)
  const env = (plan.state.config.Env ?? []).filter((entry) => !before.has(entry))
  // ArgsEscaped tells how a build wrote its CMD; docker import says nothing of it.
  const { Env: _, ArgsEscaped: __, ...config } = plan.state.config
  return { ...(env.length > 0 && { Env: env }), ...config }
}
