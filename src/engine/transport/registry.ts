import { fail } from '#base'
import { formatReference, withDefaultTag, type Reference } from '#oci'
import { copyImage, type CopyImageOptions, type Repository } from '#registry/client'
import type { Parts } from '../parts.ts'
import type { OpenLocation } from './open.ts'
import type { Destination, ReceiveOptions, Source } from './types.ts'

/** A name in a registry. */
export async function registrySource(
  parts: Parts,
  name: string,
  reference: Reference,
  options: OpenLocation = {},
): Promise<Source> {
  return repositorySource(name, await repositoryOf(parts, reference, options), reference)
}

export async function registryDestination(
  parts: Parts,
  name: string,
  reference: Reference,
  options: OpenLocation = {},
): Promise<Destination> {
  return repositoryDestination(name, await repositoryOf(parts, reference, options), reference)
}

/** A repository however it is reached, as a place to read from. */
export function repositorySource(name: string, repository: Repository, reference: Reference): Source {
  const { tag, digest } = withDefaultTag(reference)
  return {
    name,
    ...(digest === undefined ? { image: formatReference(withDefaultTag(reference)) } : {}),
    find: async (options, call) => {
      const { descriptor } = await repository.document(options?.tag ?? digest ?? tag ?? 'latest', call)
      return { root: descriptor, from: repository, origin: repository.name }
    },
    tags: (call) => repository.tags(call),
    [Symbol.asyncDispose]: nothing,
  }
}

/** A repository as a place to write to: the digests of what is sent stay. */
export function repositoryDestination(name: string, repository: Repository, reference: Reference): Destination {
  const { tag, digest } = withDefaultTag(reference)
  return {
    name,
    compressed: true,
    target: repository,
    tag: digest ?? tag ?? 'latest',
    receive: async ({ root, from, sparse }, options = {}) => {
      if (digest !== undefined && digest !== root.digest)
        fail('invalid_argument', `${name} cannot name ${root.digest}`, { hint: 'give a tag, or that digest' })
      const tags = options.tag ?? tag
      return copyImage(from, repository, root, {
        ...copyOptions(options),
        ...(sparse ? { sparse } : {}),
        tags: tags === undefined ? [] : [tags],
      })
    },
    [Symbol.asyncDispose]: nothing,
  }
}

/** What {@link copyImage} takes of them. */
export function copyOptions(options: ReceiveOptions): CopyImageOptions {
  const { tag: _tag, image: _image, all: _all, ...rest } = options
  return rest
}

export async function repositoryOf(
  parts: Parts,
  reference: Reference,
  { insecure }: OpenLocation,
): Promise<Repository> {
  const registries = await parts.registries()
  const client = insecure ? registries.trusting(reference.domain) : registries.client
  return client.repository(reference)
}

async function nothing(): Promise<void> {}
