import { fail } from '#base'
import { formatReference, isDigest, parseReference, withDefaultTag } from '#oci'
import type { Descriptor, Digest } from '#oci'
import type { ImageNames } from './names.ts'
import type { ContentProvider, ContentStore, Target } from './types.ts'

/**
 * The local store with its names. Names are read as Docker reads them (`debian` is
 * `docker.io/library/debian:latest`); a digest alone, or behind a name, must be that of an
 * image that is here. `content` may serve more than the store (layers kept elsewhere).
 */
export function localTarget(store: ContentStore, names: ImageNames, content: ContentProvider = store): Target {
  return {
    has: (d, call) => content.has(d, call),
    open: (d, call) => content.open(d, call),
    put: (d, bytes, call) => store.put(d, bytes, call),
    resolve: async (ref) => resolveName(names, ref),
    tag: async (d, ref) => {
      const { digest, ...reference } = parseReference(ref)
      if (digest !== undefined && digest !== d.digest)
        fail('invalid_argument', `${ref} cannot name an image with digest ${d.digest}`)
      if (digest !== undefined && reference.tag === undefined) names.keep(d)
      else names.tag(d, formatReference(withDefaultTag(reference)))
    },
  }
}

function resolveName(names: ImageNames, text: string): Descriptor {
  if (isDigest(text)) return withDigest(names, text) ?? missing(text)
  const reference = withDefaultTag(parseReference(text))
  if (reference.digest !== undefined) return withDigest(names, reference.digest) ?? missing(text)
  return names.get(formatReference(reference))?.root ?? missing(text)
}

function withDigest(names: ImageNames, digest: Digest): Descriptor | undefined {
  return names.withDigest(digest)[0]?.root
}

function missing(text: string): never {
  fail('not_found', `no such image: ${text}`)
}
