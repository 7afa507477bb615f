import { isCode } from '#base'
import type { Call } from '#base'
import { isDigest } from '#oci'
import type { Digest } from '#oci'
import type { UpstreamConfig } from '../configtypes.ts'
import { describeManifest } from '../http/manifests.ts'
import type { DocumentCache } from '../http/service.ts'
import { refuse } from '../http/refusal.ts'
import type { Metrics } from '../metrics.ts'
import type { Repositories } from '../repositories.ts'
import type { RegistryStorage } from '../types.ts'
import type { ImageSource } from './types.ts'
import { upstreamClient } from './upstreamclient.ts'

/** Other registries that this one stands before. What came from them stays here, and is served when they are gone. */
export interface Upstreams {
  /** Whether the repository is an upstream's: nobody pushes to it here. */
  owns(name: string): boolean
  /**
   * The digest that the reference has upstream, its manifest now here. Undefined where no upstream
   * knows it: then what is here counts, as when this throws since none can be reached.
   */
  manifest(name: string, reference: string, call: Call): Promise<Digest | undefined>
  /** Fetches a blob, once for all who ask at the same time; false when no upstream has it. */
  blob(name: string, digest: Digest): Promise<boolean>
}

export interface UpstreamParts {
  readonly storage: RegistryStorage
  readonly repositories: Repositories
  readonly documents: DocumentCache
  readonly metrics: Metrics
}

interface Source {
  readonly client: ImageSource
  readonly repository: string
  readonly freshMs: number
}

export function openUpstreams(configs: readonly UpstreamConfig[], parts: UpstreamParts): Upstreams {
  // The longest prefix knows best.
  const known = configs
    .map((config) => ({ ...config, client: upstreamClient(config) }))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  const sourceOf = (name: string): Source | undefined => {
    const found = known.find(({ prefix }) => name.startsWith(prefix) && name.length > prefix.length)
    if (!found) return undefined
    const { client, prefix, freshSeconds } = found
    return { client, repository: name.slice(prefix.length), freshMs: freshSeconds * 1000 }
  }
  const flights = new Map<string, Promise<boolean>>()
  return {
    owns: (name) => sourceOf(name) !== undefined,
    manifest: async (name, reference, call) => {
      const source = sourceOf(name)
      if (!source) return undefined
      return orAbsent(
        isDigest(reference)
          ? fetchManifest(parts, source, name, reference, call)
          : tagged(parts, source, name, reference, call),
      )
    },
    blob: async (name, digest) => {
      const source = sourceOf(name)
      if (!source) return false
      const key = `${name}@${digest}`
      // The fetch goes on when the one who asked first leaves: others may wait for it.
      const flight = flights.get(key) ?? fetchBlob(parts, source, name, digest).finally(() => flights.delete(key))
      flights.set(key, flight)
      return (await orAbsent(flight)) ?? false
    },
  }
}

/** An upstream that lacks the thing, or lies about it, is no failure of ours. One that is gone is told as such. */
async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isCode(error, 'not_found') || isCode(error, 'data_loss')) return undefined
    if (isCode(error, 'unavailable'))
      refuse('UNKNOWN', 'the registry behind this repository cannot be reached', { status: 502 })
    throw error
  }
}

/** Asks for a tag's digest unless that was done a moment ago, and fetches the manifest when it is a new one. */
async function tagged(
  parts: UpstreamParts,
  source: Source,
  name: string,
  tag: string,
  call: Call,
): Promise<Digest | undefined> {
  const { storage, repositories } = parts
  const key = `fresh/${name}:${tag}`
  const asked = await storage.records.get(key)
  if (asked && storage.now() - asked.touched < source.freshMs) return undefined
  const digest = await source.client.head(source.repository, tag, call)
  const here = digest !== undefined && (await repositories.manifest(name, digest)) !== undefined
  const found = here ? digest : await fetchManifest(parts, source, name, digest ?? tag, call)
  await repositories.moveTag(name, tag, found)
  await storage.records.put(key, '')
  return found
}

async function fetchManifest(
  { storage, repositories, documents, metrics }: UpstreamParts,
  { client, repository }: Source,
  name: string,
  reference: string,
  call: Call,
): Promise<Digest> {
  const { bytes, digest, contentType } = await client.manifest(repository, reference, call)
  const { record, referrer } = describeManifest(bytes, digest, contentType)
  await storage.blobs.put({ mediaType: record.mediaType, digest, size: bytes.length }, bytes)
  await repositories.linkManifest(name, digest, record, referrer)
  documents.set(digest, bytes)
  metrics.add('cairn_registry_upstream_fetches_total', 1, 'kind="manifest"')
  return digest
}

async function fetchBlob(
  { storage, repositories, metrics }: UpstreamParts,
  { client, repository }: Source,
  name: string,
  digest: Digest,
): Promise<boolean> {
  // Asked for again although it is here: whoever may not see it elsewhere must not see it here.
  const stream = await client.blob(repository, digest, {})
  const upload = await storage.blobs.upload(`upstream ${crypto.randomUUID()}`)
  try {
    for await (const chunk of stream) await upload.write(chunk)
    const blob = await upload.commit(digest)
    metrics.add('cairn_registry_upstream_fetches_total', 1, 'kind="blob"')
    return await repositories.linkBlob(name, blob)
  } catch (error) {
    await upload.abort().catch(() => undefined)
    throw error
  }
}
