import { MediaType } from '#oci'
import type { Descriptor } from '#oci'
import { digestParameter } from './blobs.ts'
import { refuse } from './refusal.ts'
import type { Exchange, Service } from './service.ts'

/** Entries in a page when the client does not say. */
const TAGS_PAGE = 10_000
const REPOSITORIES_PAGE = 1000
/** A page of referrers is a document that clients bound by 4 MiB. */
const REFERRERS_PAGE = 500
const REFERRERS_BYTES = 3 * 1024 * 1024

/** distribution-spec, "Listing Tags". */
export async function listTags(service: Service, exchange: Exchange, name: string): Promise<Response> {
  if (!(await service.repositories.has(name))) refuse('NAME_UNKNOWN', `there is no repository ${name}`)
  const { limit, after } = pageOf(exchange, TAGS_PAGE)
  const found = limit === 0 ? [] : await service.repositories.tagNames(name, { after, limit: limit + 1 })
  const tags = found.slice(0, limit)
  const next = found.length > limit ? link(`/v2/${name}/tags/list`, { n: String(limit), last: tags.at(-1) ?? '' }) : {}
  return Response.json({ name, tags }, { headers: next })
}

/** Docker's `_catalog`: the repositories that the caller may pull from. */
export async function listRepositories(service: Service, exchange: Exchange): Promise<Response> {
  const { limit, after } = pageOf(exchange, REPOSITORIES_PAGE)
  const repositories: string[] = []
  let last = after
  let more = limit > 0
  while (more && repositories.length < limit + 1) {
    const found = await service.repositories.list({ after: last, limit: REPOSITORIES_PAGE })
    for (const name of found) if (exchange.may('pull', name) && repositories.length <= limit) repositories.push(name)
    last = found.at(-1) ?? last
    more = found.length === REPOSITORIES_PAGE
  }
  const page = repositories.slice(0, limit)
  const next = repositories.length > limit ? link('/v2/_catalog', { n: String(limit), last: page.at(-1) ?? '' }) : {}
  return Response.json({ repositories: page }, { headers: next })
}

/** distribution-spec, "Listing Referrers": an index of what names this digest as its subject. */
export async function listReferrers(
  service: Service,
  exchange: Exchange,
  name: string,
  reference: string,
): Promise<Response> {
  const subject = digestParameter(reference)
  const type = exchange.url.searchParams.get('artifactType')
  const { limit, after } = pageOf(exchange, REFERRERS_PAGE)
  const found = await service.repositories.referrers(name, subject, { after, limit: limit + 1 })
  const page = fitting(found.slice(0, limit))
  const manifests = page.filter((d) => type === null || d.artifactType === type)
  const headers: Record<string, string> = { 'content-type': MediaType.ociIndex }
  if (type !== null) headers['oci-filters-applied'] = 'artifactType'
  if (found.length > page.length && limit > 0) {
    const filter = type === null ? {} : { artifactType: type }
    const query = { n: String(limit), last: page.at(-1)?.digest ?? '', ...filter }
    Object.assign(headers, link(`/v2/${name}/referrers/${subject}`, query))
  }
  return new Response(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }), { headers })
}

/** As many as keep the document small; always one, so that the listing goes on. */
function fitting(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  let size = 0
  const first = descriptors.findIndex((d, i) => (size += JSON.stringify(d).length) > REFERRERS_BYTES && i > 0)
  return first < 0 ? descriptors : descriptors.slice(0, first)
}

function pageOf({ url }: Exchange, most: number): { readonly limit: number; readonly after: string } {
  const n = url.searchParams.get('n')
  if (n !== null && !/^\d{1,9}$/.test(n))
    refuse('UNSUPPORTED', `n must be a number, not ${JSON.stringify(n.slice(0, 50))}`, { status: 400 })
  return { limit: n === null ? most : Math.min(most, Number(n)), after: url.searchParams.get('last') ?? '' }
}

/** RFC 8288. */
function link(path: string, query: Readonly<Record<string, string>>): { readonly link: string } {
  return { link: `<${path}?${new URLSearchParams(query).toString()}>; rel="next"` }
}
