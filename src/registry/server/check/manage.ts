import {
  describe,
  expectEqual,
  expectError,
  expectHeader,
  expectOffered,
  expectStatus,
  manifestOf,
  unique,
} from './subject.ts'
import { CheckFailure, NotOffered } from './types.ts'
import type { Check, Made, Subject } from './types.ts'

interface Referrer {
  readonly digest: string
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

async function referrers(on: Subject, subject: string, query = ''): Promise<readonly Referrer[]> {
  const got = await on.send('GET', `/v2/${on.one}/referrers/${subject}${query}`)
  if (got.status === 404) throw new NotOffered('there is no referrers API')
  await expectStatus(got, 200)
  expectHeader(got, 'content-type', 'application/vnd.oci.image.index.v1+json')
  const index = (await got.json()) as { schemaVersion: number; manifests: Referrer[] }
  expectEqual(index.schemaVersion, 2, 'schemaVersion')
  return index.manifests
}

async function artifact(on: Subject, subject: Made, artifactType: string): Promise<Made> {
  return on.image(on.one, {
    artifactType,
    subject: describe(subject.mediaType, subject.bytes),
    annotations: { 'org.example.note': artifactType },
  })
}

/** distribution-spec, "Content Discovery". */
export const DISCOVERY: readonly Check[] = [
  {
    name: 'tags: in order, page by page',
    run: async (on) => {
      const repository = `${on.two}/tags-${crypto.randomUUID().slice(0, 8)}`
      const made = await on.image(repository)
      const tags = ['v1', 'v10', 'v2', 'latest', '_under', '0.1']
      for (const tag of tags) await expectStatus(await on.pushManifest(repository, tag, made), 201)
      const list = async (path: string): Promise<{ tags: string[]; next: string | null }> => {
        const got = await on.send('GET', path)
        await expectStatus(got, 200)
        const body = (await got.json()) as { name: string; tags: string[] | null }
        expectEqual(body.name, repository, 'name')
        return {
          tags: body.tags ?? [],
          next: /<([^>]+)>; *rel="?next"?/.exec(got.headers.get('link') ?? '')?.[1] ?? null,
        }
      }
      const whole = (await list(`/v2/${repository}/tags/list`)).tags
      expectEqual(whole.toSorted(), tags.toSorted(), 'all tags')
      const paged: string[] = []
      for (let path: string | null = `/v2/${repository}/tags/list?n=4`, pages = 0; path && pages < 9; pages++) {
        const page = await list(path)
        if (page.tags.length > 4) throw new CheckFailure('a page is longer than asked for')
        paged.push(...page.tags)
        path = page.next
      }
      if (paged.length === 4) throw new CheckFailure('a shortened page has no Link to the next one')
      expectEqual(paged, whole, 'all pages together')
      expectEqual((await list(`/v2/${repository}/tags/list?n=0`)).tags, [], 'a page of none')
      expectEqual((await list(`/v2/${repository}/tags/list?last=${whole[3]}`)).tags, whole.slice(4), 'after last')
    },
  },
  {
    name: 'tags: an unknown repository',
    run: async (on) => expectError(await on.send('GET', `/v2/${on.two}/never-pushed/tags/list`), [404], 'NAME_UNKNOWN'),
  },
  {
    name: 'referrers: found, filtered, empty for what has none',
    run: async (on) => {
      const subject = await on.image(on.one)
      expectEqual(await referrers(on, subject.digest), [], 'referrers of what has none')
      await expectStatus(await on.pushManifest(on.one, subject.digest, subject), 201)
      const [sbom, signature] = [
        await artifact(on, subject, 'application/vnd.example.sbom'),
        await artifact(on, subject, 'application/vnd.example.signature'),
      ]
      for (const made of [sbom, signature]) {
        const pushed = await on.pushManifest(on.one, made.digest, made)
        await expectStatus(pushed, 201)
        expectHeader(pushed, 'oci-subject', subject.digest)
      }
      const all = await referrers(on, subject.digest)
      expectEqual(all.map((d) => d.digest).toSorted(), [sbom.digest, signature.digest].toSorted(), 'referrers')
      const type = 'application/vnd.example.sbom'
      const path = `/v2/${on.one}/referrers/${subject.digest}?artifactType=${encodeURIComponent(type)}`
      const filtered = await on.send('GET', path)
      if (!filtered.headers.has('oci-filters-applied')) throw new NotOffered('filters are not applied')
      expectHeader(filtered, 'oci-filters-applied', 'artifactType')
      const [only, ...others] = ((await filtered.json()) as { manifests: Referrer[] }).manifests
      expectEqual([only?.digest, only?.artifactType, others.length], [sbom.digest, type, 0], 'the one of the type')
      expectEqual(only?.annotations, { 'org.example.note': type }, 'its annotations')
    },
  },
  {
    name: 'referrers: a subject that is not there, an index as referrer, an ill-formed digest',
    run: async (on) => {
      const subject = manifestOf({ manifests: [], annotations: { id: crypto.randomUUID() } })
      const index = manifestOf({
        manifests: [],
        artifactType: 'application/vnd.example.list',
        subject: describe(subject.mediaType, subject.bytes),
      })
      await expectStatus(await on.pushManifest(on.one, index.digest, index), 201)
      const [only] = await referrers(on, subject.digest)
      expectEqual([only?.digest, only?.artifactType], [index.digest, 'application/vnd.example.list'], 'the referrer')
      await expectStatus(await on.send('GET', `/v2/${on.one}/referrers/sha256:nothing`), 400, 404)
    },
  },
]

/** distribution-spec, "Content Management". */
export const MANAGEMENT: readonly Check[] = [
  {
    name: 'delete: a tag alone',
    run: async (on) => {
      const made = await on.image(on.one)
      await expectStatus(await on.pushManifest(on.one, 'going', made), 201)
      const gone = await on.send('DELETE', `/v2/${on.one}/manifests/going`)
      if (gone.status === 400) throw new NotOffered('tags are not deleted')
      await expectOffered(gone, 202)
      await expectStatus(await on.send('GET', `/v2/${on.one}/manifests/going`), 404)
      await expectStatus(await on.send('GET', `/v2/${on.one}/manifests/${made.digest}`), 200)
    },
  },
  {
    name: 'delete: a manifest with its tags and its place among referrers',
    run: async (on) => {
      const subject = await on.image(on.one)
      const made = await artifact(on, subject, 'application/vnd.example.going')
      await expectStatus(await on.pushManifest(on.one, 'with-digest', made), 201)
      await expectOffered(await on.send('DELETE', `/v2/${on.one}/manifests/${made.digest}`), 202)
      for (const reference of ['with-digest', made.digest])
        await expectStatus(await on.send('GET', `/v2/${on.one}/manifests/${reference}`), 404)
      expectEqual(await referrers(on, subject.digest), [], 'referrers')
      await expectStatus(await on.send('DELETE', `/v2/${on.one}/manifests/${made.digest}`), 202, 404)
    },
  },
  {
    name: 'delete: a blob',
    run: async (on) => {
      const digest = await on.pushBlob(on.one, unique('going'))
      await expectOffered(await on.send('DELETE', `/v2/${on.one}/blobs/${digest}`), 202)
      await expectError(await on.send('GET', `/v2/${on.one}/blobs/${digest}`), [404], 'BLOB_UNKNOWN')
    },
  },
  {
    name: 'errors: a method that a path does not have',
    run: async (on) => {
      await expectStatus(await on.send('POST', `/v2/${on.one}/tags/list`), 400, 404, 405)
      await expectStatus(await on.send('GET', '/v2/no/such/verb'), 404)
    },
  },
]
