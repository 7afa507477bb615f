import { refuse } from './refusal.ts'

/** What a URL of the distribution-spec asks about. `name` has been checked, `reference` and `digest` not yet. */
export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly name: string }
  | { readonly kind: 'manifest'; readonly name: string; readonly reference: string }
  | { readonly kind: 'referrers'; readonly name: string; readonly digest: string }
  | { readonly kind: 'blob'; readonly name: string; readonly digest: string }
  | { readonly kind: 'uploads'; readonly name: string }
  | { readonly kind: 'upload'; readonly name: string; readonly id: string }

/** distribution-spec, "Pulling manifests": the grammar of a repository's name. */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
/** With a host name before it a reference must fit 255 characters; Docker bounds the name alone by it. */
const NAME_LIMIT = 255
/** A name may hold components like `manifests` and `blobs`: the verb is read from the end. */
const PATH =
  /^\/v2\/(?:(.+)\/(?:(tags)\/list|(manifests|referrers)\/([^/]+)|blobs\/(uploads)\/?|blobs\/uploads\/([^/]+)|blobs\/([^/]+)))$/

/** The route of a path; undefined when there is none. Throws NAME_INVALID. */
export function routeOf(path: string): Route | undefined {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' }
  if (path === '/v2/_catalog') return { kind: 'catalog' }
  const match = PATH.exec(path)
  if (!match) return undefined
  const [, rawName = '', tags, document, reference = '', uploads, id, digest] = match
  const name = checkedName(decoded(rawName))
  if (tags) return { kind: 'tags', name }
  if (document === 'manifests') return { kind: 'manifest', name, reference: decoded(reference) }
  if (document === 'referrers') return { kind: 'referrers', name, digest: decoded(reference) }
  if (uploads) return { kind: 'uploads', name }
  if (id !== undefined) return { kind: 'upload', name, id: decoded(id) }
  return { kind: 'blob', name, digest: decoded(digest ?? '') }
}

/** The name of a repository, or NAME_INVALID. */
export function checkedName(name: string): string {
  if (name.length <= NAME_LIMIT && NAME.test(name)) return name
  return refuse('NAME_INVALID', `invalid repository name ${JSON.stringify(name.slice(0, 100))}`)
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return refuse('NAME_INVALID', 'the path has an ill-formed percent escape')
  }
}
