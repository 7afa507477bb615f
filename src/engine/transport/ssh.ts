import { fail, isCode, type ByteStream, type Call } from '#base'
import { readGraph, type OpenOptions } from '#content'
import { formatReference, MediaType, parseReference, withDefaultTag, type Descriptor, type Digest } from '#oci'
import { NO_CONFIG, openRegistryClient, type Repository } from '#registry/client'
import { machineConnect } from '../registry/connect.ts'
import { machineHost } from '../registry/host.ts'
import { openTunnel, sshProgram, type Tunnel } from '../registry/stdio/tunnel.ts'
import { parseLocation, type Location } from './location.ts'
import { repositoryDestination, repositorySource } from './registry.ts'
import type { Destination, Found, ReceiveOptions, Source } from './types.ts'

type SshLocation = Extract<Location, { readonly kind: 'ssh' }>

/** An image of another machine's store, to read. */
export async function sshSource(name: string, location: SshLocation): Promise<Source> {
  const { repository, tunnel } = await connected(location)
  const reference = withDefaultTag(parseReference(location.ref))
  const source = repositorySource(name, repository, reference)
  return {
    ...source,
    find: async (options, call) => ({
      ...(await source.find(options, call)),
      origin: `${location.address}/${repository.path}`,
      tarOf: (digest, inner) => tarAt(repository, digest, inner),
    }),
    [Symbol.asyncDispose]: async () => tunnel[Symbol.asyncDispose](),
  }
}

/** A name in another machine's store, to write. Layers go as they are kept here: what is there by diff ID stays there. */
export async function sshDestination(name: string, location: SshLocation): Promise<Destination> {
  const { repository, tunnel } = await connected(location)
  const { compressed: _, ...destination } = repositoryDestination(name, repository, parseReference(location.ref))
  return {
    ...destination,
    receive: async (image, options = {}) => {
      const sent = await sentAsTars(image, repository, options)
      return destination.receive(image, { ...options, exclude: ({ digest }) => sent.has(digest) })
    },
    [Symbol.asyncDispose]: async () => tunnel[Symbol.asyncDispose](),
  }
}

/** A compressed layer that an image from over there lists; the connection ends with the stream. */
export async function openOverSsh(source: string, d: Descriptor, call?: Call & OpenOptions): Promise<ByteStream> {
  const location = parseLocation(source)
  if (location.kind !== 'ssh') fail('internal', `${source} is no SSH address`)
  const { repository, tunnel } = await connected(location)
  try {
    return closing(await repository.open(d, call), tunnel)
  } catch (error) {
    await tunnel[Symbol.asyncDispose]()
    throw error
  }
}

async function* closing(bytes: ByteStream, tunnel: Tunnel): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* bytes
  } finally {
    await tunnel[Symbol.asyncDispose]()
  }
}

async function tarAt(repository: Repository, digest: Digest, call?: Call): Promise<Descriptor | undefined> {
  const size = await repository.blobSize(digest, call)
  return size === undefined ? undefined : { mediaType: MediaType.ociLayer, digest, size }
}

/**
 * Sends the tars of compressed layers that neither end has, and nobody can give: the far end lays them out, and knows
 * the image by the same digests. Returns what then need not go.
 */
async function sentAsTars(
  { root, from, distantTar }: Found,
  to: Repository,
  options: ReceiveOptions,
): Promise<ReadonlySet<Digest>> {
  const sent = new Set<Digest>()
  if (!distantTar) return sent
  for (const leaf of (await readGraph(from, [root], options)).leaves.values()) {
    const tar = await distantTar(leaf)
    if (!tar || (await to.has(leaf, options))) continue
    try {
      await to.put(leaf, await from.open(leaf, options), options)
    } catch (error) {
      if (!isCode(error, 'unavailable') && !isCode(error, 'not_found')) throw error
      if (!(await to.has(tar, options))) await to.put(tar, await from.open(tar, options), options)
      sent.add(leaf.digest)
    }
  }
  return sent
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
  const tunnel = await openTunnel(sshProgram(address))
  const client = openRegistryClient({
    config: { ...NO_CONFIG, plainHttp: [domain] },
    connect: machineConnect(machineHost(), { socket: tunnel.socket }),
  })
  return { repository: client.repository(`${domain}/${path}`), tunnel }
}

/** The host as a registry's name, for messages; with a port, so that it reads as one. */
function domainOf(address: string): string {
  const [, host = '', port = '22'] = /^ssh:\/\/(?:[^@]*@)?([^:[\]]+|\[[^\]]+\])(?::(\d+))?$/.exec(address) ?? []
  return `${host.startsWith('[') ? host : host.replaceAll(/[^A-Za-z0-9.-]/g, '-')}:${port}`
}
