import { checkCanceled } from '#base'
import type { Call } from '#base'
import type { Digest } from '#oci'
import { matchesRepository, tagExpression } from '../config.ts'
import type { ResolvedConfig, RetentionConfig } from '../configtypes.ts'
import type { Uploads } from '../http/uploadsessions.ts'
import type { Repositories, Tagged } from '../repositories.ts'
import type { Collected } from '../serve.ts'
import type { RegistryStorage } from '../types.ts'

export interface CollectParts {
  readonly config: Pick<ResolvedConfig, 'gc' | 'retention'>
  readonly storage: RegistryStorage
  readonly repositories: Repositories
  readonly uploads: Pick<Uploads, 'prune'>
}

const DAY = 86_400_000

/**
 * One run of upkeep beside running pushes: retention, then links that no manifest of their
 * repository needs, then blobs that no repository has. Each removal holds only if the thing has not
 * been touched for the grace period, and a push touches what it relies on before it is
 * acknowledged: so what was acknowledged stays, and what is unused and old goes.
 */
export async function collectRegistry(parts: CollectParts, call?: Call): Promise<Collected> {
  const { config, storage, repositories, uploads } = parts
  const now = storage.now()
  const before = now - config.gc.graceSeconds * 1000
  const counts = { tags: 0, manifests: 0, links: 0, blobs: 0, bytes: 0, uploads: 0 }
  counts.uploads = await uploads.prune(before)
  const held = new Set<Digest>()
  const names = await repositories.list()
  for (const name of names) {
    checkCanceled(call)
    for (const policy of config.retention)
      if (matchesRepository(policy.repositories, name)) {
        counts.tags += await expireTags(repositories, name, policy, now)
        counts.manifests += await expireManifests(repositories, name, policy, { now, before })
      }
    counts.tags += await untagMissing(repositories, name, before)
    counts.links += await unlink(parts, name, before)
  }
  // Read after every link was judged: a link made since is young, and so is its blob.
  for (const name of await repositories.list()) {
    for (const { digest } of await repositories.manifests(name)) held.add(digest)
    for (const { key } of await storage.records.list(`blob/${name}@`, { keys: true })) held.add(digestOfKey(key))
  }
  for await (const { digest, size } of storage.blobs.list(call)) {
    if (held.has(digest)) continue
    if (!(await storage.blobs.removeUnused(digest, before))) continue
    counts.blobs++
    counts.bytes += size
  }
  return counts
}

/** Takes away blobs of a repository that none of its manifests needs. */
async function unlink({ storage, repositories }: CollectParts, name: string, before: number): Promise<number> {
  const links = (await storage.records.list(`blob/${name}@`)).filter(({ touched }) => touched < before)
  if (links.length === 0) return 0
  // Manifests are read after the links: one that was pushed in between has touched its blobs' links.
  const needed = new Set((await repositories.manifests(name)).flatMap(({ manifest }) => manifest.blobs))
  let gone = 0
  for (const { key } of links)
    if (!needed.has(digestOfKey(key)) && (await storage.records.delete(key, { before }))) gone++
  return gone
}

/** Tags that a deletion left when it was killed between a manifest and its tags. */
async function untagMissing(repositories: Repositories, name: string, before: number): Promise<number> {
  let gone = 0
  for (const { tag, digest, moved } of await repositories.tags(name))
    if (moved < before && (await repositories.manifest(name, digest)) === undefined)
      if (await repositories.untagUnmoved(name, tag, moved + 1)) gone++
  return gone
}

/** Tags that none of the policy's reasons keeps. A policy without reasons removes none. */
async function expireTags(
  repositories: Repositories,
  name: string,
  policy: RetentionConfig,
  now: number,
): Promise<number> {
  const { keepLast, keepDays } = policy
  if (keepLast === undefined && keepDays === undefined) return 0
  const expressions = policy.tags?.map(tagExpression)
  const concerned = (await repositories.tags(name)).filter(({ tag }) => expressions?.some((e) => e.test(tag)) ?? true)
  const newest: readonly Tagged[] = concerned.toSorted((a, b) => b.moved - a.moved)
  let gone = 0
  for (const [i, { tag, moved }] of newest.entries()) {
    const kept = i < (keepLast ?? 0) || now - moved < (keepDays ?? 0) * DAY
    if (!kept && (await repositories.untagUnmoved(name, tag, moved + 1))) gone++
  }
  return gone
}

/** Manifests that neither a tag nor an index nor, for a referrer, its subject keeps. */
async function expireManifests(
  repositories: Repositories,
  name: string,
  { untaggedDays }: RetentionConfig,
  { now, before }: { readonly now: number; readonly before: number },
): Promise<number> {
  if (untaggedDays === undefined) return 0
  const old = Math.min(before, now - untaggedDays * DAY)
  const manifests = await repositories.manifests(name)
  const byDigest = new Map(manifests.map((m) => [m.digest, m.manifest]))
  const kept = new Set<Digest>()
  const reach = (await repositories.tags(name)).map(({ digest }) => digest)
  // What is young is kept with all below it.
  for (const { digest, touched } of manifests) if (touched >= old) reach.push(digest)
  const referrers = Map.groupBy(manifests, ({ manifest }) => manifest.subject)
  for (let digest = reach.pop(); digest !== undefined; digest = reach.pop()) {
    if (kept.has(digest)) continue
    kept.add(digest)
    reach.push(...(byDigest.get(digest)?.children ?? []), ...(referrers.get(digest) ?? []).map((m) => m.digest))
  }
  let gone = 0
  for (const { digest } of manifests)
    if (!kept.has(digest) && (await repositories.expireManifest(name, digest, old))) gone++
  return gone
}

function digestOfKey(key: string): Digest {
  return key.slice(key.indexOf('@') + 1) as Digest
}
