import { checkCanceled, fail } from '#base'
import type { Call } from '#base'
import { asArray, asString, isTag } from '#oci'
import { CATALOG_SCOPE } from '../auth/scope.ts'
import type { Registry } from '../registry.ts'
import { boundedBody } from '../transport/body.ts'
import { pullScope } from './place.ts'
import type { Place } from './place.ts'

/** Bytes of one page. A registry without pages sends 100,000 tags in about 3 MB. */
const PAGE_LIMIT = 32 << 20
/** Pages of one list: at 1000 entries each, ten million. */
const PAGES_LIMIT = 10_000
const PAGE_SIZE = 1000

/** Every tag of a repository. */
export async function* listTags(place: Place, call?: Call): AsyncGenerator<string, void, void> {
  const start = `/v2/${place.path}/tags/list?n=${PAGE_SIZE}`
  for await (const page of pages(place.registry, start, pullScope(place), {}, call)) {
    const names = asArray(jsonOf(page, 'the list of tags').tags, 'tags')
    for (const name of names) {
      const tag = asString(name, 'a tag')
      if (!isTag(tag)) fail('data_loss', `the registry lists what is no tag: ${JSON.stringify(tag.slice(0, 140))}`)
      yield tag
    }
  }
}

/** Every repository of a registry, where it tells: `_catalog`, which Docker Hub and others do not serve. */
export async function* listRepositories(registry: Registry, call?: Call): AsyncGenerator<string, void, void> {
  for await (const page of pages(registry, `/v2/_catalog?n=${PAGE_SIZE}`, [CATALOG_SCOPE], {}, call))
    for (const name of asArray(jsonOf(page, 'the catalog').repositories, 'repositories')) {
      const path = asString(name, 'a repository')
      if (!/^[a-z0-9][a-z0-9._/-]{0,254}$/.test(path))
        fail('data_loss', `the registry lists what is no repository: ${JSON.stringify(path.slice(0, 140))}`)
      yield path
    }
}

export interface Page {
  readonly bytes: Uint8Array
  readonly headers: Headers
}

/**
 * The pages that `Link: <…>; rel="next"` strings together. A page may come once, from the registry itself,
 * and there is an end to their number.
 */
export async function* pages(
  registry: Registry,
  start: string,
  scope: readonly string[],
  headers: Readonly<Record<string, string>>,
  call?: Call,
): AsyncGenerator<Page, void, void> {
  const seen = new Set<string>()
  let next: string | undefined = await registry.urlOf(start)
  while (next !== undefined) {
    checkCanceled(call)
    if (seen.has(next)) fail('data_loss', `${registry.host} sends its pages in a circle`)
    if (seen.size >= PAGES_LIMIT) fail('resource_exhausted', `${registry.host} sends more than ${PAGES_LIMIT} pages`)
    seen.add(next)
    const response = await registry.ask({ method: 'GET', path: next, headers, scope }, [200], call)
    yield { bytes: await boundedBody(response, PAGE_LIMIT, 'a page'), headers: response.headers }
    const link = nextLink(response.headers.get('link'))
    const following: string | undefined = link === undefined ? undefined : await registry.urlOf(link, next)
    if (following !== undefined && new URL(following).origin !== new URL(next).origin)
      fail('permission_denied', `${registry.host} has its next page at ${new URL(following).host}: not followed`)
    next = following
  }
}

/** The target of `rel="next"` (RFC 8288); the quotes are often left out. */
export function nextLink(header: string | null): string | undefined {
  if (header === null || header.length > 8192) return undefined
  for (const [, target, parameters = ''] of header.matchAll(/<([^<>]*)>([^<]*)/g))
    if (/;\s*rel\s*=\s*"?next"?\s*(?:[;,]|$)/i.test(parameters)) return target
  return undefined
}

/** A page as JSON. Larger than a manifest may be, so without the bound of those; only lists come out of it. */
function jsonOf({ bytes }: Pick<Page, 'bytes'>, what: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    return fail('data_loss', `${what} is not valid JSON`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return fail('data_loss', `${what} is not an object`)
}
