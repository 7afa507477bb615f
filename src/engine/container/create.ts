import { hostname } from 'node:os'
import { checkCanceled, fail, isCode, type Call } from '#base'
import { findImage } from '../image/find.ts'
import { obtain } from '../image/obtain.ts'
import { checkNetwork } from '../network/table.ts'
import { parsePlatform } from '#oci'
import { signalNumber } from '#runtime'
import { bootId } from '#sys'
import type { Parts } from '../parts.ts'
import type { Container, ContainerOptions } from '../types.ts'
import { checkVolumeName } from '../volume/table.ts'
import { identityOf } from './identity.ts'
import { inheritedMounts } from './inherited.ts'
import { joinedOf, recordedMode } from './joined.ts'
import { checkName, newId, randomName } from './name.ts'
import { resolveConfig } from './resolve.ts'
import { containerOf } from './table.ts'

/**
 * Records a container. Nothing is mounted or written yet, so there is nothing to clean up after a
 * crash: directories are made by the first start. The image's documents are checked against their
 * digests here.
 */
export async function create(parts: Parts, options: ContainerOptions, call?: Call): Promise<Container> {
  checkOptions(parts, options)
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform)
  const find = (): ReturnType<typeof findImage> => findImage(parts, options.image, platform, call)
  const image = await obtain(parts, options.image, options, find, call)
  checkCanceled(call)
  const id = newId()
  const modes = {
    ...(options.network !== undefined && { network: recordedMode(parts, options.network) }),
    ...(options.pid !== undefined && { pid: recordedMode(parts, options.pid) }),
  }
  const config = resolveConfig({ ...options, ...modes }, image, {
    id,
    hostHostname: joinedOf(parts, options.network)?.config.hostname ?? hostname(),
    inherited: inheritedMounts(parts, options.volumesFrom ?? []),
    volumePath: (name) => parts.volumes.path(name),
    newVolumeName: newId,
  })
  const manifest = image.manifest.digest
  const maker = { monitor: identityOf(process.pid), boot: bootId() }
  const record = { id, image: options.image, manifest, created: Date.now(), config, ...maker }
  const name = parts.db.immediate(() => {
    // Under the lock that gc sweeps under: an image that is still named now is kept by this row from here on.
    if (!image.exists()) fail('not_found', `no such image: ${options.image}`)
    return insertNamed(parts, options.name === undefined ? undefined : checkName(options.name), record)
  })
  makeVolumes(parts, config.mounts)
  const created = parts.containers.get(id) ?? fail('internal', `container ${name} vanished`)
  return containerOf(created)
}

function insertNamed(
  parts: Parts,
  wanted: string | undefined,
  record: Omit<Parameters<Parts['containers']['insert']>[0], 'name'>,
): string {
  if (wanted !== undefined) {
    parts.containers.insert({ ...record, name: wanted })
    return wanted
  }
  for (let attempt = 0; ; attempt++) {
    const name = randomName(attempt)
    try {
      parts.containers.insert({ ...record, name })
      return name
    } catch (error) {
      if (!isCode(error, 'already_exists') || attempt > 20) throw error
    }
  }
}

function makeVolumes(parts: Parts, mounts: readonly { readonly name?: string; readonly anonymous?: boolean }[]): void {
  for (const { name, anonymous } of mounts)
    if (name !== undefined) parts.volumes.ensure(name, { anonymous: anonymous === true })
}

/** What can be refused before anything is read. */
function checkOptions(parts: Parts, options: ContainerOptions): void {
  const network = options.network ?? 'bridge'
  const joined = joinedOf(parts, options.network)
  if (!joined) checkNetwork(parts, network)
  joinedOf(parts, options.pid)
  if (options.stopSignal !== undefined) signalNumber(options.stopSignal)
  for (const mount of options.mounts ?? [])
    if (mount.type === 'volume' && mount.source !== undefined) checkVolumeName(mount.source)
  if (joined) checkJoined(options)
  const publishes = (options.ports?.length ?? 0) > 0 || options.publishAll === true
  if (publishes && network === 'none')
    fail('invalid_argument', 'conflicting options: published ports and --network none', {
      hint: 'a container without a network cannot be reached',
    })
  if (options.hostname !== undefined && (network === 'host' || options.uts === 'host') && options.uts === 'host')
    fail('invalid_argument', 'conflicting options: hostname and the UTS mode')
}

/** What belongs to the network that is joined, and so to the container that has it. */
function checkJoined(options: ContainerOptions): void {
  const given = {
    'published ports':
      (options.ports?.length ?? 0) > 0 || options.publishAll === true || (options.expose?.length ?? 0) > 0,
    'a host name': options.hostname !== undefined || options.domainname !== undefined,
    'added hosts': (options.extraHosts?.length ?? 0) > 0,
    'name servers': [options.dns, options.dnsSearch, options.dnsOptions].some((list) => (list?.length ?? 0) > 0),
    'network aliases': (options.aliases?.length ?? 0) > 0,
  }
  const [what] = Object.entries(given).find(([, is]) => is) ?? []
  if (what !== undefined)
    fail('invalid_argument', `conflicting options: ${what} and --network ${options.network}`, {
      hint: 'give it to the container whose network is joined',
    })
}
