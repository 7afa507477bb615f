import { concat, utf8 } from '#base'
import {
  describe,
  digestOf,
  expectBytes,
  expectError,
  expectHeader,
  expectOffered,
  expectStatus,
  located,
  manifestOf,
  OCTETS,
  unique,
} from './subject.ts'
import { NotOffered } from './types.ts'
import type { Check, Subject } from './types.ts'

async function begin({ send, one }: Subject): Promise<Response> {
  const begun = await send('POST', `/v2/${one}/blobs/uploads/`)
  await expectStatus(begun, 202)
  return begun
}

const chunk = (start: number, end: number): Readonly<Record<string, string>> => ({
  ...OCTETS,
  'content-range': `${start}-${end - 1}`,
})

/** distribution-spec, "Push": blobs. */
export const PUSH_BLOBS: readonly Check[] = [
  {
    name: 'push: a blob in one POST',
    run: async (on) => {
      const bytes = unique('single')
      const digest = digestOf(bytes)
      const path = `/v2/${on.one}/blobs/uploads/?digest=${digest}`
      const pushed = await on.send('POST', path, { body: bytes, headers: OCTETS })
      if (pushed.status === 202) throw new NotOffered('the registry answers 202')
      await expectStatus(pushed, 201)
      await expectBytes(await on.send('GET', located(pushed)), bytes)
    },
  },
  {
    name: 'push: bytes that are not the digest are refused',
    run: async (on) => {
      const bytes = unique('other')
      const digest = digestOf(unique('announced'))
      const put = await on.send('PUT', located(await begin(on), digest), { body: bytes, headers: OCTETS })
      await expectError(put, [400], 'DIGEST_INVALID', 'BLOB_UPLOAD_INVALID')
      await expectStatus(await on.send('HEAD', `/v2/${on.one}/blobs/${digest}`), 404)
      const ill = await on.send('PUT', located(await begin(on), 'sha256:../../x'), { body: bytes, headers: OCTETS })
      await expectError(ill, [400], 'DIGEST_INVALID')
    },
  },
  {
    name: 'push: a stream without Content-Range',
    run: async (on) => {
      const bytes = unique('stream', 200_000)
      const patched = await on.send('PATCH', located(await begin(on)), { body: bytes, headers: OCTETS })
      await expectStatus(patched, 202)
      expectHeader(patched, 'range', '0-199999')
      const put = await on.send('PUT', located(patched, digestOf(bytes)), { headers: { 'content-length': '0' } })
      await expectStatus(put, 201)
      await expectBytes(await on.send('GET', located(put)), bytes)
    },
  },
  {
    name: 'push: chunks, the last one in the PUT',
    run: async (on) => {
      const bytes = unique('chunks', 10_000)
      let at = await begin(on)
      for (const [start, end] of [
        [0, 4000],
        [4000, 8000],
      ] as const) {
        at = await on.send('PATCH', located(at), { body: bytes.subarray(start, end), headers: chunk(start, end) })
        await expectStatus(at, 202)
        expectHeader(at, 'range', `0-${end - 1}`)
      }
      const last = { body: bytes.subarray(8000), headers: chunk(8000, 10_000) }
      const put = await on.send('PUT', located(at, digestOf(bytes)), last)
      await expectStatus(put, 201)
      await expectBytes(await on.send('GET', located(put)), bytes)
    },
  },
  {
    name: 'push: a chunk out of order is refused, and the upload goes on where it stands',
    run: async (on) => {
      const bytes = unique('order', 9000)
      const begun = await begin(on)
      const patch = (start: number, end: number): Promise<Response> =>
        on.send('PATCH', located(begun), { body: bytes.subarray(start, end), headers: chunk(start, end) })
      await expectStatus(await patch(3000, 6000), 416)
      await expectStatus(await patch(0, 3000), 202)
      await expectStatus(await patch(0, 3000), 416)
      await expectStatus(await patch(6000, 9000), 416)
      const status = await on.send('GET', located(begun))
      await expectStatus(status, 204)
      expectHeader(status, 'range', '0-2999')
      await expectStatus(await patch(3000, 9000), 202)
      await expectStatus(await on.send('PUT', located(status, digestOf(bytes))), 201)
    },
  },
  {
    name: 'push: an upload is canceled, and is unknown from then on',
    run: async (on) => {
      const begun = await begin(on)
      await expectOffered(await on.send('DELETE', located(begun)), 204)
      await expectError(await on.send('GET', located(begun)), [404], 'BLOB_UPLOAD_UNKNOWN')
      const patched = await on.send('PATCH', located(begun), { body: 'x', headers: OCTETS })
      await expectError(patched, [404], 'BLOB_UPLOAD_UNKNOWN')
    },
  },
  {
    name: 'push: a mount from another repository, with a fallback',
    run: async (on) => {
      const bytes = unique('mounted')
      const digest = await on.pushBlob(on.one, bytes)
      const query = `mount=${digest}&from=${encodeURIComponent(on.one)}`
      const mounted = await on.send('POST', `/v2/${on.two}/blobs/uploads/?${query}`)
      await expectStatus(mounted, 201, 202)
      const absent = digestOf(unique('absent'))
      const failed = await on.send('POST', `/v2/${on.two}/blobs/uploads/?mount=${absent}&from=${on.one}`)
      await expectStatus(failed, 202)
      located(failed)
      if (mounted.status === 202) throw new NotOffered('the registry does not mount')
      await expectBytes(await on.send('GET', `/v2/${on.two}/blobs/${digest}`), bytes)
    },
  },
]

/** distribution-spec, "Push": manifests. */
export const PUSH_MANIFESTS: readonly Check[] = [
  {
    name: 'push: a manifest by digest, and under another digest not',
    run: async (on) => {
      const made = await on.image(on.one)
      const pushed = await on.pushManifest(on.one, made.digest, made)
      await expectStatus(pushed, 201)
      located(pushed)
      const wrong = digestOf(unique('wrong'))
      await expectError(await on.pushManifest(on.one, wrong, made), [400], 'DIGEST_INVALID', 'MANIFEST_INVALID')
    },
  },
  {
    name: 'push: an index, nested in another',
    run: async (on) => {
      const made = await on.image(on.one)
      await expectStatus(await on.pushManifest(on.one, made.digest, made), 201)
      const inner = manifestOf({ manifests: [describe(made.mediaType, made.bytes)] })
      await expectStatus(await on.pushManifest(on.one, inner.digest, inner), 201)
      const outer = manifestOf({ manifests: [describe(inner.mediaType, inner.bytes)] })
      await expectStatus(await on.pushManifest(on.one, 'nested', outer), 201)
      await expectBytes(await on.send('GET', `/v2/${on.one}/manifests/nested`), outer.bytes)
    },
  },
  {
    name: 'push: a manifest whose layer is missing is refused',
    run: async (on) => {
      const config = utf8('{}')
      await on.pushBlob(on.one, config)
      const layers = [describe('application/vnd.oci.image.layer.v1.tar', unique('missing'))]
      const made = manifestOf({ config: describe('application/vnd.oci.empty.v1+json', config), layers })
      const pushed = await on.pushManifest(on.one, 'incomplete', made)
      if (pushed.status === 201) throw new NotOffered('the registry takes it')
      await expectError(pushed, [400, 404], 'MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN')
    },
  },
  {
    name: 'push: what is no manifest is refused',
    run: async (on) => {
      const made = await on.image(on.one)
      const put = (body: Uint8Array | string, type = made.mediaType): Promise<Response> =>
        on.send('PUT', `/v2/${on.one}/manifests/bad`, { body, headers: { 'content-type': type } })
      await expectError(await put('not json'), [400], 'MANIFEST_INVALID')
      await expectError(await put('[]'), [400], 'MANIFEST_INVALID')
      await expectStatus(await put(made.bytes, 'text/html'), 400, 404, 415)
      await expectStatus(await put(made.bytes, 'application/vnd.oci.image.index.v1+json'), 400)
      const large = concat([made.bytes, new Uint8Array(5 * 1024 * 1024).fill(0x20)])
      await expectStatus(await put(large), 400, 413)
      await expectStatus(await on.pushManifest(on.one, 'a'.repeat(129), made), 400, 404)
    },
  },
  {
    name: 'push: several tags at once (draft)',
    run: async (on) => {
      const made = await on.image(on.one)
      const pushed = await on.pushManifest(on.one, `${made.digest}?tag=many-a&tag=many-b`, made)
      await expectStatus(pushed, 201)
      const got = await on.send('GET', `/v2/${on.one}/manifests/many-b`)
      if (got.status === 404) throw new NotOffered('tag parameters are ignored')
      await expectBytes(got, made.bytes)
    },
  },
  {
    name: 'push: a tag moves',
    run: async (on) => {
      for (const made of [await on.image(on.one), await on.image(on.one)]) {
        await expectStatus(await on.pushManifest(on.one, 'moving', made), 201)
        await expectBytes(await on.send('GET', `/v2/${on.one}/manifests/moving`), made.bytes)
      }
    },
  },
]
