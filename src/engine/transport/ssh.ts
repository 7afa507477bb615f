import { fail } from '#base'
import { formatReference, parseReference, withDefaultTag } from '#oci'
import { NO_CONFIG, openRegistryClient, type Repository } from '#registry/client'
import { machineConnect } from '../registry/connect.ts'
import { machineHost } from '../registry/host.ts'
import { openTunnel, sshCommand, type Tunnel } from '../registry/stdio/tunnel.ts'
import type { Location } from './location.ts'
import { repositoryDestination, repositorySource } from './registry.ts'
import type { Destination, Source } from './types.ts'

type SshLocation = Extract<Location, { readonly kind: 'ssh' }>

/** An image of another machine's store, to read. */
export async function sshSource(name: string, location: SshLocation): Promise<Source> {
  const { repository, tunnel } = await connected(location)
  const reference = withDefaultTag(parseReference(location.ref))
  return {
    ...repositorySource(name, repository, reference),
    [Symbol.asyncDispose]: async () => tunnel[Symbol.asyncDispose](),
  }
}

/** A name in another machine's store, to write. Layers go as they are kept here: what is there by diff ID stays there. */
export async function sshDestination(name: string, location: SshLocation): Promise<Destination> {
  const { repository, tunnel } = await connected(location)
  const { compressed: _, ...destination } = repositoryDestination(name, repository, parseReference(location.ref))
  return { ...destination, [Symbol.asyncDispose]: async () => tunnel[Symbol.asyncDispose]() }
}

async function connected({
  address,
  ref,
}: SshLocation): Promise<{ readonly repository: Repository; readonly tunnel: Tunnel }> {
  const reference = parseReference(ref)
  // The far end's names are paths here, and a port has no place in a path.
  const path = ref.replace(/(?::[^/:@]+)?(?:@.*)?$/, '')
  if (path.includes(':')) fail('invalid_argument', `${formatReference(reference)}: a registry's port has no place here`)
  const domain = domainOf(address)
  const tunnel = await openTunnel(farCommand(address))
  const client = openRegistryClient({
    config: { ...NO_CONFIG, plainHttp: [domain] },
    connect: machineConnect(machineHost(), { socket: tunnel.socket }),
  })
  return { repository: client.repository(`${domain}/${path}`), tunnel }
}

/** What starts the far end. CAIRN_SSH replaces `ssh`, as GIT_SSH does for git: a wrapper with options of its own. */
function farCommand(address: string): readonly string[] {
  const [program, ...rest] = sshCommand(address)
  return [process.env.CAIRN_SSH || program!, ...rest]
}

/** The host as a registry's name, for messages; with a port, so that it reads as one. */
function domainOf(address: string): string {
  const [, host = '', port = '22'] = /^ssh:\/\/(?:[^@]*@)?([^:[\]]+|\[[^\]]+\])(?::(\d+))?$/.exec(address) ?? []
  return `${host.startsWith('[') ? host : host.replaceAll(/[^A-Za-z0-9.-]/g, '-')}:${port}`
}
