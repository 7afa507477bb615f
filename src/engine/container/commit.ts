import { join } from 'node:path'
import { fail, streamOf, type ByteStream, type Call } from '#base'
import { acquireLease, type Lease } from '#content'
import { composeImage, openImage, type OpenedImage } from '#image'
import { formatReference, MediaType, parseReference, withDefaultTag, type Digest, type ProcessConfig } from '#oci'
import type { Parts } from '../parts.ts'
import { changedConfig } from '../image/changes.ts'
import type { CommitOptions } from '../types.ts'
import { allChanges } from './changes.ts'
import { pause, unpause } from './pause.ts'
import { mountImage } from './rootfs.ts'
import type { ContainerRecord } from './table.ts'

/**
 * Makes an image of a container: its image's layers and what it has changed, with the configuration that it runs by.
 * Times are a build's: what the container has written gets SOURCE_DATE_EPOCH or 0, so the same work makes the same
 * image. Volumes are not in it. Answers the image's ID.
 */
export async function commit(parts: Parts, ref: string, options: CommitOptions = {}, call?: Call): Promise<Digest> {
  const record = parts.containers.find(ref)
  if (record.state === 'removing') fail('failed_precondition', `container ${record.name} is being removed`)
  // Checked before anything is written.
  const name = options.name === undefined ? undefined : nameOf(options.name)
  const store = await parts.store()
  const image = await openImage(store, record.config.manifest, undefined, call)
  const own: OpenedImage = { ...image, config: { ...image.config, config: configOf(record, image) } }
  const config = await changedConfig(options.changes ?? [], own)
  await using lease = acquireLease(parts.db, `commit ${record.name}`)
  const layer = await whilePaused(parts, record, options, () => changedLayer(parts, record, lease, options, call))
  const created = new Date((options.epoch ?? 0) * 1000).toISOString().replace('.000Z', 'Z')
  const said = {
    ...(options.author !== undefined && { author: options.author }),
    ...(options.message !== undefined && { comment: options.message }),
  }
  const history = { created, created_by: record.config.args.join(' '), ...said, ...(!layer && { empty_layer: true }) }
  const composed = await composeImage({
    platform: image.platform,
    layers: [...image.layers.map(({ descriptor, diffId }) => ({ descriptor, diffId })), ...(layer ? [layer] : [])],
    config,
    created,
    ...(options.author !== undefined && { author: options.author }),
    history: [...(image.config.history ?? []), history],
  })
  const leased = store.leased(lease)
  for (const document of [composed.config, composed.manifest])
    await leased.put(document.descriptor, streamOf(document.bytes), call)
  const names = await parts.names()
  if (name === undefined) names.keep(composed.manifest.descriptor)
  else names.tag(composed.manifest.descriptor, name, Date.now())
  return composed.config.descriptor.digest
}

function nameOf(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined) fail('invalid_argument', `cannot commit to a digest: ${JSON.stringify(text)}`)
  return formatReference(withDefaultTag(reference))
}

/** The image's configuration with what the container was created with in its place, as Docker's own is made. */
function configOf({ config }: ContainerRecord, image: OpenedImage): ProcessConfig {
  const { OnBuild: _, ...base } = image.config.config ?? {}
  const { options } = config
  const entrypoint = options.entrypoint ?? base.Entrypoint
  const command = options.command ?? (options.entrypoint === undefined ? base.Cmd : undefined)
  const volumes = config.mounts.filter(({ type }) => type === 'volume').map(({ target }) => target)
  const set = (keys: readonly string[]): Record<string, object> => Object.fromEntries(keys.map((key) => [key, {}]))
  const { Entrypoint: __, Cmd: ___, ...rest } = base
  return {
    ...rest,
    ...(config.user !== '' && { User: config.user }),
    ...(config.env.length > 0 && { Env: config.env }),
    ...(config.exposed.length > 0 && { ExposedPorts: set(config.exposed) }),
    ...(entrypoint && entrypoint.length > 0 && { Entrypoint: entrypoint }),
    ...(command && command.length > 0 && { Cmd: command }),
    ...(Object.keys(config.labels).length > 0 && { Labels: config.labels }),
    ...(volumes.length > 0 && { Volumes: set(volumes) }),
    ...((options.workdir ?? base.WorkingDir) && { WorkingDir: config.workdir }),
    ...((options.stopSignal ?? base.StopSignal) && { StopSignal: config.stopSignal }),
  }
}

interface CommittedLayer {
  readonly descriptor: { readonly mediaType: string; readonly digest: Digest; readonly size: number }
  readonly diffId: Digest
}

/** What a container has changed, as a layer; undefined when it has changed nothing. */
async function changedLayer(
  parts: Parts,
  record: ContainerRecord,
  lease: Lease,
  { epoch }: CommitOptions,
  call?: Call,
): Promise<CommittedLayer | undefined> {
  const changes = await allChanges(parts, record, call)
  if (changes.every(({ stub }) => stub)) return undefined
  const [differ, layers, { mounts }] = await Promise.all([
    parts.differ(),
    parts.layers(),
    mountImage(parts, record, call),
  ])
  const lower = mounts.flatMap((mount) => (mount.type === 'overlay' ? mount.lower : []))
  // A file system's clock lags behind by a tick; what is older than the container is its image's.
  const times = epoch === undefined ? { clamp: 0, since: Math.floor(record.created / 1000) - 1 } : { clamp: epoch }
  const exclude = changes.flatMap(({ stub, path }) => (stub ? [path] : []))
  const upper = join(parts.paths.container(record.id), 'upper')
  const tar: ByteStream = differ.compare(upper, { ...times, exclude, lower }, call)
  const { diffId, tarSize } = await layers.create(tar, call)
  lease.add(diffId)
  // One that was here already, and needed by nobody, may have been swept before the lease was seen.
  if (!layers.stat(diffId)) fail('unavailable', 'the layer was removed while it was made: try again')
  return { descriptor: { mediaType: MediaType.ociLayer, digest: diffId, size: tarSize }, diffId }
}

/** A container that runs stands still meanwhile, unless it is to go on. */
async function whilePaused<T>(
  parts: Parts,
  { id, state }: ContainerRecord,
  options: CommitOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (state !== 'running' || options.pause === false) return await work()
  await pause(parts, id)
  try {
    return await work()
  } finally {
    await unpause(parts, id)
  }
}
