import { mkdirSync } from 'node:fs'
import { checkCanceled, fail, type Call } from '#base'
import { networkFiles, writeNetworkFiles, type Bundle, type NetworkFileOptions, type Runtime } from '#runtime'
import { bootId } from '#sys'
import { connectNetwork, type Connected } from '../network/connect.ts'
import type { Parts } from '../parts.ts'
import type { Ended, StartOptions } from '../types.ts'
import { fillVolumes, makeSources } from '../volume/fill.ts'
import { attach } from './attach.ts'
import { runDirect } from './direct.ts'
import { finish, finishLocked, isUnfinished } from './finish.ts'
import { identityOf, monitorGone } from './identity.ts'
import { lockContainer } from './lock.ts'
import { startMonitored } from './monitored.ts'
import { mountRoot } from './rootfs.ts'
import { specOf } from './spec.ts'
import type { ContainerRecord } from './table.ts'

/**
 * Starts a container. With the caller's stdio it stays until the end and answers how it ended;
 * without, it resolves when the container runs.
 *
 * A foreground `--rm` run without a terminal has no monitor: nobody could attach to it later or
 * read its log, so the runtime gets the caller's own stdio and this process does what is left to do.
 */
export async function start(
  parts: Parts,
  ref: string,
  options: StartOptions = {},
  call?: Call,
): Promise<Ended | undefined> {
  const { id } = parts.containers.find(ref)
  using lock = await lockContainer(parts, id, call)
  const record = parts.containers.get(id) ?? fail('not_found', `no such container: ${ref}`)
  if (record.state === 'paused') fail('failed_precondition', `cannot start a paused container, try unpause instead`)
  if (isUnfinished(record)) {
    lock.release()
    return options.io ? attach(parts, id, options.io, call) : undefined
  }
  if (record.state !== 'created' && record.state !== 'exited')
    fail('failed_precondition', `container ${record.name} is being removed and cannot be started`)
  if (record.state === 'exited') await monitorGone(record)
  const direct = isDirect(record, options)
  parts.containers.update(id, {
    state: 'starting',
    direct,
    monitor: identityOf(process.pid),
    process: undefined,
    boot: bootId(),
    error: undefined,
  })
  try {
    using prepared = await prepare(parts, record, options, call)
    if (direct) return await runDirect(parts, prepared, options, lock, call)
    const { ended } = await startMonitored(parts, prepared, options, call)
    lock.release()
    return await ended
  } catch (error) {
    await undo(parts, record, error, lock)
    throw error
  }
}

function isDirect({ config }: ContainerRecord, { io }: StartOptions): boolean {
  const { autoRemove, tty, detach } = config.options
  return io !== undefined && autoRemove === true && !tty && !detach
}

/** A container with its root mounted and its network connected, about to be handed to the runtime. */
export interface Prepared extends Disposable {
  readonly record: ContainerRecord
  readonly bundle: Bundle
  readonly runtime: Runtime
  /** Ends the container's network when its last holder has ended. */
  readonly keep?: number
}

async function prepare(parts: Parts, record: ContainerRecord, options: StartOptions, call?: Call): Promise<Prepared> {
  const { id, config } = record
  const runtime = await parts.runtime(config.options.runtime)
  const dir = parts.paths.running(id)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const root = await mountRoot(parts, record, call)
  checkCanceled(call)
  makeSources(config.mounts)
  await fillVolumes(parts, config.mounts, root.path, call)
  const bridged = config.network !== 'none' && config.network !== 'host'
  const connected = bridged ? await connectNetwork(parts, record) : undefined
  try {
    const files = writeNetworkFiles(dir, networkFiles(fileOptions(record, connected)))
    const network = connected ? { path: connected.path } : config.network === 'host' ? 'host' : 'none'
    const spec = specOf(record, { rootfs: root.path, network, files, io: options.io })
    const keep = connected?.lifeline
    return {
      record,
      runtime,
      bundle: { dir, spec },
      ...(keep !== undefined && { keep }),
      [Symbol.dispose]: () => connected?.[Symbol.dispose](),
    }
  } catch (error) {
    connected?.[Symbol.dispose]()
    throw error
  }
}

function fileOptions({ config, name }: ContainerRecord, connected: Connected | undefined): NetworkFileOptions {
  const { options } = config
  const attached = connected?.attached
  const dns = options.dns ?? connected?.nameservers
  return {
    hostname: config.hostname,
    hostNetwork: config.network === 'host',
    addresses: [attached?.ipv4, attached?.ipv6].filter((address) => address !== undefined),
    aliases: attached ? [name, ...(options.aliases ?? [])] : [],
    ...(options.domainname !== undefined && { domainname: options.domainname }),
    ...(attached?.gateway !== undefined && { gateway: attached.gateway }),
    ...(options.extraHosts && { extraHosts: options.extraHosts }),
    ...(dns && { dns }),
    ...(options.dnsSearch && { dnsSearch: options.dnsSearch }),
    ...(options.dnsOptions && { dnsOptions: options.dnsOptions }),
  }
}

/** A start that failed leaves the container as it was, with the reason; an auto-removed one goes. */
async function undo(parts: Parts, before: ContainerRecord, error: unknown, lock: { release(): void }): Promise<void> {
  const { id } = before
  const code = (error as { exitCode?: number }).exitCode ?? 128
  const record = parts.containers.get(id)
  if (record && isUnfinished(record)) {
    try {
      if (record.state === 'starting') await finishLocked(parts, record, { exit: { code } })
      else {
        lock.release()
        await finish(parts, id, { exit: { code } })
      }
    } catch {
      // The first error is the one to tell; reconciling tries again.
      return
    }
  }
  const text = error instanceof Error ? error.message : String(error)
  if (parts.containers.get(id)?.state === 'exited')
    parts.containers.update(id, {
      error: text,
      ...(before.state === 'created' && { state: 'created', finished: undefined }),
    })
}
