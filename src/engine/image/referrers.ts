import { collect, streamOf, type Call } from '#base'
import { localTarget, openReferrers, readDocument, type Lease, type ReadOnlyTarget, type Target } from '#content'
import { DOCUMENT_LIMIT, isDigest, isIndex, isManifest, referrerOf, type Descriptor, type Digest } from '#oci'
import type { Parts } from '../parts.ts'
import { imageContent } from './content.ts'

/** cosign's tag for what it keeps beside an image. */
const TIED = /^(sha256|sha512)-([0-9a-f]{64})\.(?:sig|att|sbom)$/

/** What such a tag ties its manifest to. */
export function tiedTo(tag: string): Digest | undefined {
  const [, algorithm, hex] = TIED.exec(tag) ?? []
  const digest = `${algorithm}:${hex}`
  return isDigest(digest) ? digest : undefined
}

/** The store as a place for what refers to images; it is kept with its subject, under the lease until that has a name. */
export async function referrerTarget(parts: Parts, lease: Lease): Promise<Target> {
  const [store, names, content] = await Promise.all([parts.store(), parts.names(), imageContent(parts)])
  const table = openReferrers(parts.db)
  const target = localTarget(store.leased(lease), names, content)
  return {
    ...target,
    ...(await localReferrers(parts)),
    // A manifest that is here need not be known as a referrer: it is put again.
    has: async (d, call) => !isDocument(d) && target.has(d, call),
    put: async (d, bytes, call) => {
      if (!isDocument(d)) return target.put(d, bytes, call)
      const document = await collect(bytes, DOCUMENT_LIMIT)
      await target.put(d, streamOf(document), call)
      const referrer = referrerOf(d, document)
      if (referrer) table.add(referrer.subject, referrer.descriptor)
    },
    resolve: async (ref, call) => table.tagged(ref) ?? target.resolve(ref, call),
    tag: async (d, ref, call) => {
      const subject = tiedTo(ref)
      if (subject === undefined) return target.tag(d, ref, call)
      table.add(subject, d, ref)
    },
  }
}

/** How the store lists what refers to an image. */
export async function localReferrers(parts: Parts): Promise<Required<Pick<ReadOnlyTarget, 'referrers'>>> {
  const table = openReferrers(parts.db)
  const store = await parts.store()
  return {
    referrers: async function* (subject, call?: Call) {
      for (const d of table.of(subject.digest)) {
        if (!(await store.has(d, call))) continue
        const referrer = referrerOf(d, await readDocument(store, d, call))
        if (referrer) yield referrer.descriptor
      }
    },
  }
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isManifest(mediaType) || isIndex(mediaType)
}
