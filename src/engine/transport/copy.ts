import { fail, type Call } from '#base'
import { readDocument } from '#content'
import {
  formatPlatform,
  isImageConfig,
  isManifest,
  isTag,
  matchPlatform,
  parseImageConfig,
  parseManifest,
  parsePlatform,
  parseReference,
  platformOf,
} from '#oci'
import type { Parts } from '../parts.ts'
import type { Copied, CopyRequest } from '../types.ts'
import { openDestination, openSource } from './open.ts'
import type { Destination, Found, ReceiveOptions, Source } from './types.ts'

/** Copies an image, or every tag of a repository, from any place to any other: bytes and digests unchanged. */
export async function copy(parts: Parts, request: CopyRequest, call?: Call): Promise<readonly Copied[]> {
  const { from, to, insecureSource, insecureDestination } = request
  await using source = await openSource(parts, from, insecureSource ? { insecure: true } : {}, call)
  await using destination = await openDestination(parts, to, insecureDestination ? { insecure: true } : {})
  const options = receiveOptions(request, source, call)
  if (!request.allTags) return [await copyOne(source, destination, options)]
  const copied: Copied[] = []
  for await (const ref of tagsOf(source, destination, call))
    copied.push(await copyOne(source, destination, { ...options, ref, tag: tagOf(ref) }))
  return copied
}

function receiveOptions(request: CopyRequest, source: Source, call?: Call): ReceiveOptions {
  const { platforms, all, referrers, jobs } = request
  if (all && platforms?.length) fail('invalid_argument', 'all platforms or some: not both')
  return {
    ...call,
    ...(platforms?.length ? { platforms: platforms.map((platform) => parsePlatform(platform)) } : {}),
    ...(all ? { all } : {}),
    ...(referrers ? { referrers } : {}),
    ...(jobs === undefined ? {} : { concurrency: jobs }),
    ...(source.image === undefined ? {} : { image: source.image }),
  }
}

async function copyOne(
  source: Source,
  destination: Destination,
  { ref, ...options }: ReceiveOptions & { readonly ref?: string },
): Promise<Copied> {
  const { compressed, whole } = destination
  const find = {
    ...(compressed ? { compressed } : {}),
    ...(whole ? { whole } : {}),
    ...(ref === undefined ? {} : { tag: ref }),
  }
  const { tag } = options
  const vertex = `${destination.name} ${tag ?? ''}`
  const step = { kind: 'vertex', id: vertex, name: `Copying to ${tag ?? destination.name}` } as const
  const started = Date.now()
  options.progress?.({ ...step, started })
  const image = await source.find(find, options)
  await checkPlatform(source.name, image, options)
  const { root, referrers, mounted } = await destination.receive(image, { ...options, vertex })
  options.progress?.({ ...step, started, completed: Date.now() })
  return {
    name: destination.name,
    ...(tag === undefined ? {} : { tag }),
    root,
    referrers: referrers.length,
    mounted,
  }
}

/** An image that stands alone has one platform: when others are asked for, it is not the image that was meant. */
async function checkPlatform(name: string, { root, from }: Found, options: ReceiveOptions): Promise<void> {
  const { platforms = [] } = options
  if (platforms.length === 0 || !isManifest(root.mediaType)) return
  const { config } = parseManifest(await readDocument(from, root, options), root.mediaType)
  if (!isImageConfig(config.mediaType)) return
  const own = platformOf(parseImageConfig(await readDocument(from, config, options)))
  if (platforms.every((platform) => matchPlatform(platform, own) === undefined))
    fail('not_found', `${name} is for ${formatPlatform(own)}, not ${platforms.map(formatPlatform).join(' or ')}`)
}

function tagsOf(source: Source, destination: Destination, call?: Call): AsyncIterable<string> {
  if (!source.tags) return fail('invalid_argument', `${source.name} is one image, not a repository`)
  if (!destination.target) return fail('invalid_argument', `${destination.name} takes one image, not all tags`)
  return source.tags(call)
}

/** A name in a layout may be a whole one. */
function tagOf(ref: string): string {
  if (isTag(ref)) return ref
  return parseReference(ref).tag ?? fail('invalid_argument', `${ref} has no tag`)
}
