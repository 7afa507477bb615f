import { fail, isCode, streamOf } from '#base'
import type { ByteStream, Call } from '#base'
import type { OpenOptions } from '#content'
import { isDigest, parseDigest } from '#oci'
import type { Descriptor, Digest } from '#oci'
import { discard } from '../transport/body.ts'
import type { RemoteDocument, Repository } from '../types.ts'
import { documentBytes, getDocument, hasDocument, parseRef, putDocument, resolveDocument } from './document.ts'
import { blobSize, hasBlob, openBlob, openForeign } from './download.ts'
import { listTags } from './listing.ts'
import { blobPath, checkDocumentSize, deleteScope, isDocument } from './place.ts'
import type { Place } from './place.ts'
import { addToFallback, deleteReferenced, listReferrers } from './referrers.ts'
import { mountBlob } from './session.ts'
import type { UploadSession } from './session.ts'
import { uploadBlob } from './upload.ts'

/** Bytes of documents kept so that what was just fetched or put is not fetched again. */
const MEMORY = 16 << 20

/** A repository at one place. Mirrors are put before it by {@link withMirrors}. */
export function repositoryAt(place: Place, name: string): Repository {
  const memory = createMemory()
  const sessions = new Map<Digest, UploadSession>()

  const document = async (ref: string, call?: Call): Promise<RemoteDocument> => {
    const known = isDigest(ref) ? memory.get(ref) : undefined
    if (known) return known
    const fetched = await getDocument(place, ref, call)
    memory.add(fetched)
    return fetched
  }

  return {
    name,
    registry: place.registry.host,
    path: place.path,
    document,
    has(d, call) {
      const digest = parseDigest(d.digest)
      return isDocument(d.mediaType) ? hasDocument(place, digest, call) : hasBlob(place, digest, call)
    },
    async open(d, call) {
      if (!isDocument(d.mediaType)) return openLeaf(place, d, call)
      checkDocumentSize(d)
      const { bytes } = await document(parseDigest(d.digest), call)
      if (bytes.length !== d.size) fail('data_loss', `${d.digest} has ${bytes.length} bytes, not ${d.size}`)
      return streamOf(bytes.subarray(call?.offset ?? 0))
    },
    async put(d, bytes, call) {
      if (!isDocument(d.mediaType)) {
        const begun = sessions.get(d.digest)
        sessions.delete(d.digest)
        return uploadBlob(place, d, bytes, begun, call)
      }
      const put = { descriptor: d, bytes: await documentBytes(d, bytes) }
      await putManifest(place, d.digest, put, call)
      memory.add(put)
    },
    resolve: (ref, call) => resolveDocument(place, ref, call),
    async tag(d, ref, call) {
      const { bytes } = await document(parseDigest(d.digest), call)
      await putManifest(place, ref, { descriptor: d, bytes }, call)
    },
    async mount(d, fromRepository, call) {
      const mounted = await mountBlob(place, d.digest, fromRepository, call)
      if (typeof mounted === 'boolean') return mounted
      sessions.set(d.digest, mounted)
      return false
    },
    blobSize: (digest, call) => blobSize(place, digest, call),
    referrers: (subject, call) => listReferrers(place, subject.digest, call),
    tags: (call) => listTags(place, call),
    delete: (ref, call) => deleteReferenced(place, parseRef(ref), isDigest(ref) ? ref : undefined, call),
    async deleteBlob(digest, call) {
      const request = { method: 'DELETE', path: blobPath(place, digest), scope: deleteScope(place) } as const
      await discard(await place.registry.ask(request, [200, 202, 204], call))
    },
  }
}

async function putManifest(place: Place, ref: string, document: RemoteDocument, call?: Call): Promise<void> {
  const { subjectTaken } = await putDocument(place, ref, document, call)
  if (!subjectTaken) await addToFallback(place, document, call)
}

/** A layer's bytes; from its own address where the registry lacks one that may not be distributed. */
async function openLeaf(place: Place, d: Descriptor, call?: Call & OpenOptions): Promise<ByteStream> {
  try {
    return await openBlob(place, d, call)
  } catch (error) {
    const urls = foreignUrls(d)
    if (!isCode(error, 'not_found') || urls.length === 0 || (call?.offset ?? 0) > 0) throw error
    for (const url of urls) {
      try {
        return await openForeign(place, d, url, call)
      } catch (failure) {
        if (isCode(failure, 'canceled')) throw failure
      }
    }
    throw error
  }
}

/** Only for layers that say they live elsewhere, and only over TLS: a manifest must not send us just anywhere. */
function foreignUrls(d: Descriptor): readonly string[] {
  const foreign = /\.(?:nondistributable|foreign)\./.test(d.mediaType)
  return foreign ? (d.urls ?? []).filter((url) => url.startsWith('https://') && URL.canParse(url)).slice(0, 5) : []
}

interface Memory {
  get(digest: Digest): RemoteDocument | undefined
  add(document: RemoteDocument): void
}

function createMemory(): Memory {
  const known = new Map<Digest, RemoteDocument>()
  let size = 0
  return {
    get: (digest) => known.get(digest),
    add(document) {
      const { digest } = document.descriptor
      if (known.has(digest)) return
      known.set(digest, document)
      size += document.bytes.length
      for (const [oldest, { bytes }] of known) {
        if (size <= MEMORY) break
        known.delete(oldest)
        size -= bytes.length
      }
    },
  }
}

/**
 * The repository, read through mirrors: each is asked in turn and the registry last, where one lacks
 * the content or cannot be reached. Everything is written to the registry; lists come from it, and so does
 * `has`, which decides what a push leaves out.
 */
export function withMirrors(
  mirrors: readonly { readonly repository: Repository; readonly serves: 'all' | 'digest-only' | 'tag-only' }[],
  main: Repository,
): Repository {
  if (mirrors.length === 0) return main
  const first = async <T>(byDigest: boolean, ask: (repository: Repository) => Promise<T>): Promise<T> => {
    for (const { repository, serves } of mirrors) {
      if (serves === (byDigest ? 'tag-only' : 'digest-only')) continue
      try {
        return await ask(repository)
      } catch (error) {
        // A mirror's refusal or disorder is no reason to fail: the registry itself decides.
        if (isCode(error, 'canceled')) throw error
      }
    }
    return ask(main)
  }
  return {
    ...main,
    open: (d, call) => first(true, (r) => r.open(d, call)),
    resolve: (ref, call) => first(isDigest(ref), (r) => r.resolve(ref, call)),
    document: (ref, call) => first(isDigest(ref), (r) => r.document(ref, call)),
  }
}
