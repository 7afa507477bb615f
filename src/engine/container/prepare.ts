import { mkdirSync } from 'node:fs'
import { checkCanceled, type Call } from '#base'
import { networkFiles, writeNetworkFiles, type Bundle, type NetworkFileOptions, type Runtime } from '#runtime'
import { connectNetwork, type Connected } from '../network/connect.ts'
import { PLAIN_NETWORKS } from '../network/table.ts'
import type { Parts } from '../parts.ts'
import type { StartOptions } from '../types.ts'
import { fillVolumes, makeSources } from '../volume/fill.ts'
import { filesOf, joinedOf, joinNamespace } from './joined.ts'
import { mountRoot } from './rootfs.ts'
import { specOf } from './spec.ts'
import type { ContainerRecord } from './table.ts'

/** A container with its root mounted and its network connected, about to be handed to the runtime. */
export interface Prepared extends Disposable {
  readonly record: ContainerRecord
  readonly bundle: Bundle
  readonly runtime: Runtime
  /** Ends the container's network when its last holder has ended. */
  readonly keep?: number
}

/** Where a container's config.json goes, and what else goes with its end. */
export function bundleDirectory(parts: Parts, id: string): string {
  const dir = parts.paths.running(id)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  return dir
}

/** Whatever a container needs before its runtime can make it. */
export async function prepare(
  parts: Parts,
  record: ContainerRecord,
  options: StartOptions,
  call?: Call,
): Promise<Prepared> {
  const { id, config } = record
  const runtime = await parts.runtime(config.options.runtime)
  const dir = bundleDirectory(parts, id)
  const root = await mountRoot(parts, record, call)
  checkCanceled(call)
  makeSources(config.mounts)
  await fillVolumes(parts, config.mounts, root.path, call)
  using stack = new DisposableStack()
  const net = await joinNamespace(parts, config.network, 'net')
  const pid = await joinNamespace(parts, config.options.pid, 'pid')
  const connected = !net && !PLAIN_NETWORKS.includes(config.network) ? await connectNetwork(parts, record) : undefined
  for (const held of [net, pid, connected]) stack.use(held)
  const joined = joinedOf(parts, config.network)
  const files = joined ? filesOf(parts, joined) : writeNetworkFiles(dir, networkFiles(fileOptions(record, connected)))
  const own = net ?? connected
  const network = own ? { path: own.path } : config.network === 'host' ? 'host' : 'none'
  const spec = specOf(record, { rootfs: root.path, network, pid, files, io: options.io })
  const keep = connected?.lifeline
  const held = stack.move()
  return {
    record,
    runtime,
    bundle: { dir, spec },
    ...(keep !== undefined && { keep }),
    [Symbol.dispose]: () => held.dispose(),
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
