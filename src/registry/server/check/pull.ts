import { utf8 } from '#base'
import { digestOf, expectBytes, expectError, expectHeader, expectOffered, expectStatus, unique } from './subject.ts'
import { NotOffered } from './types.ts'
import type { Check } from './types.ts'

const ABSENT = `sha256:${'0'.repeat(64)}`

/** distribution-spec, "Pull". */
export const PULL: readonly Check[] = [
  {
    name: 'base: GET /v2/ says that the registry is one',
    run: async ({ send }) => expectStatus(await send('GET', '/v2/'), 200),
  },
  {
    name: 'pull: a blob by GET and HEAD',
    run: async ({ one, send, pushBlob }) => {
      const bytes = unique('blob', 70_000)
      const path = `/v2/${one}/blobs/${await pushBlob(one, bytes)}`
      const got = await send('GET', path)
      await expectStatus(got, 200)
      expectHeader(got, 'content-length', String(bytes.length))
      await expectBytes(got, bytes)
      const head = await send('HEAD', path)
      await expectStatus(head, 200)
      expectHeader(head, 'content-length', String(bytes.length))
      await expectBytes(head, new Uint8Array())
    },
  },
  {
    name: 'pull: ranges of a blob',
    run: async ({ one, send, pushBlob }) => {
      const bytes = unique('blob', 5000)
      const path = `/v2/${one}/blobs/${await pushBlob(one, bytes)}`
      const ranged = async (range: string): Promise<Response> => send('GET', path, { headers: { range } })
      const first = await ranged('bytes=0-0')
      if (first.status === 200) throw new NotOffered('the registry ignores Range')
      for (const [range, start, end] of [
        ['bytes=0-0', 0, 1],
        ['bytes=100-199', 100, 200],
        ['bytes=4000-', 4000, 5000],
        ['bytes=-10', 4990, 5000],
        ['bytes=4990-9999', 4990, 5000],
      ] as const) {
        const part = await ranged(range)
        await expectStatus(part, 206)
        expectHeader(part, 'content-range', `bytes ${start}-${end - 1}/5000`)
        await expectBytes(part, bytes.subarray(start, end))
      }
      await expectStatus(await ranged('bytes=5000-'), 416)
      await expectStatus(await ranged('bytes=9-1'), 200, 416)
    },
  },
  {
    name: 'pull: the empty blob',
    run: async ({ one, send, pushBlob }) => {
      const got = await send('GET', `/v2/${one}/blobs/${await pushBlob(one, new Uint8Array())}`)
      await expectStatus(got, 200)
      await expectBytes(got, new Uint8Array())
    },
  },
  {
    name: 'pull: an absent blob and an ill-formed digest',
    run: async ({ one, send, pushBlob }) => {
      await pushBlob(one, utf8('so that the repository is there'))
      await expectError(await send('GET', `/v2/${one}/blobs/${ABSENT}`), [404], 'BLOB_UNKNOWN')
      await expectStatus(await send('HEAD', `/v2/${one}/blobs/${ABSENT}`), 404)
      await expectStatus(await send('GET', `/v2/${one}/blobs/sha256:xyz`), 400, 404)
    },
  },
  {
    name: 'pull: a blob is not seen in a repository that lacks it',
    run: async ({ one, two, send, pushBlob }) => {
      const digest = await pushBlob(one, unique('only in one'))
      await expectStatus(await send('HEAD', `/v2/${two}/blobs/${digest}`), 404)
    },
  },
  {
    name: 'pull: a manifest by tag and by digest',
    run: async ({ one, send, image, pushManifest }) => {
      const made = await image(one)
      await expectStatus(await pushManifest(one, 'pull', made), 201)
      for (const reference of ['pull', made.digest]) {
        const path = `/v2/${one}/manifests/${reference}`
        const got = await send('GET', path, { headers: { accept: made.mediaType } })
        await expectStatus(got, 200)
        expectHeader(got, 'content-type', made.mediaType)
        await expectBytes(got, made.bytes)
        const head = await send('HEAD', path, { headers: { accept: made.mediaType } })
        await expectStatus(head, 200)
        expectHeader(head, 'content-length', String(made.bytes.length))
        if (head.headers.has('docker-content-digest')) expectHeader(head, 'docker-content-digest', made.digest)
      }
    },
  },
  {
    name: 'pull: an absent manifest, and references outside the grammar',
    run: async ({ one, send, pushBlob }) => {
      await pushBlob(one, utf8('so that the repository is there'))
      await expectError(await send('GET', `/v2/${one}/manifests/absent`), [404], 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN')
      await expectStatus(await send('GET', `/v2/${one}/manifests/${ABSENT}`), 404)
      for (const reference of ['.dot', '-dash', 'a'.repeat(129), 'sp%20ace', 'sha256:short', '%00', '%2e%2e%2fetc'])
        await expectStatus(await send('GET', `/v2/${one}/manifests/${reference}`), 400, 404)
      for (const name of ['UPPER', 'two__', '-lead', 'a//b', 'a/../b', 'a%2f..%2fb', '%00'])
        await expectStatus(await send('GET', `/v2/${name}/manifests/latest`), 400, 404)
    },
  },
  {
    name: 'pull: conditions on a manifest and a blob',
    run: async ({ one, send, image, pushBlob, pushManifest }) => {
      const made = await image(one)
      await expectStatus(await pushManifest(one, 'conditional', made), 201)
      const digest = await pushBlob(one, unique('conditional'))
      for (const path of [`/v2/${one}/manifests/conditional`, `/v2/${one}/blobs/${digest}`]) {
        const etag = (await send('HEAD', path)).headers.get('etag')
        if (!etag) throw new NotOffered('there is no ETag')
        await expectStatus(await send('GET', path, { headers: { 'if-none-match': etag } }), 304)
        await expectStatus(await send('GET', path, { headers: { 'if-none-match': '"other"' } }), 200)
      }
    },
  },
  {
    name: 'pull: sha512',
    run: async ({ one, send }) => {
      const bytes = unique('sha512')
      const digest = digestOf(bytes, 'sha512')
      const pushed = await send('POST', `/v2/${one}/blobs/uploads/?digest=${digest}`, { body: bytes })
      if (pushed.status === 400) throw new NotOffered('sha512 is not known')
      await expectOffered(pushed, 201)
      await expectBytes(await send('GET', `/v2/${one}/blobs/${digest}`), bytes)
    },
  },
]
