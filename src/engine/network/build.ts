import type { BuildNetwork, NetworkRequest } from '#build'
import { createNetns, networkFiles, openUserModeNetwork, USER_MODE, writeNetworkFiles } from '#runtime'
import { inUserNamespace } from '#sys'
import { newId } from '../container/name.ts'
import type { Parts } from '../parts.ts'
import type { Attached } from '../types.ts'
import { endpointOf, networkFor, reserveFor } from './endpoint.ts'

/** What `host-gateway` and a step's own name mean where it is on no bridge. */
const LOOPBACK = '127.0.0.1'

/** A network for one build step: the default bridge, the host's own, or nothing but loopback. */
export async function openBuildNetwork(parts: Parts, request: NetworkRequest, dir: string): Promise<BuildNetwork> {
  const { mode, ...names } = request
  if (mode !== 'default') {
    const files = networkFiles({ ...names, addresses: [LOOPBACK], gateway: LOOPBACK, hostNetwork: mode === 'host' })
    return { namespace: mode, files: writeNetworkFiles(dir, files), [Symbol.asyncDispose]: async () => undefined }
  }
  if (inUserNamespace()) {
    const { netns, ...network } = await openUserModeNetwork({ dir, ports: [] })
    const { ipv4, gateway, nameserver } = USER_MODE
    const files = networkFiles({ ...names, addresses: [ipv4], gateway, dns: [nameserver] })
    return {
      namespace: { path: netns.path },
      files: writeNetworkFiles(dir, files),
      [Symbol.asyncDispose]: async () => network[Symbol.dispose](),
    }
  }
  const driver = await parts.networkDriver()
  const network = networkFor(parts, 'bridge')
  const netns = createNetns()
  const id = newId()
  const reserved = reserveFor(parts, id, network)
  const release = (): void => {
    netns[Symbol.dispose]()
    reserved[Symbol.dispose]()
  }
  try {
    driver.ensure(network)
    driver.connect({ fd: netns.fd }, network, endpointOf(id, reserved.attached))
    const addresses = [reserved.attached.ipv4, reserved.attached.ipv6].filter((address) => address !== undefined)
    const files = writeNetworkFiles(dir, networkFiles({ ...names, addresses, ...gatewayOf(reserved.attached) }))
    return { namespace: { path: netns.path }, files, [Symbol.asyncDispose]: async () => release() }
  } catch (error) {
    release()
    throw error
  }
}

function gatewayOf({ gateway }: Attached): { readonly gateway?: string } {
  return gateway === undefined ? {} : { gateway }
}
