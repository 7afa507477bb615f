import { isCode, type Call } from '#base'
import type { ContentProvider, Lease } from '#content'
import { openImage, type OpenedImage } from '#image'
import { formatPlatform, hostPlatform, matchPlatform, type Digest, type Platform } from '#oci'
import type { Parts } from '../parts.ts'
import type { PullPolicy } from '../types.ts'
import { imageContent } from '../image/content.ts'
import { locateBase } from '../image/find.ts'
import type { LazyBases } from './lazybase.ts'
import { obtain } from '../image/obtain.ts'
import { ofWhole } from '../image/whole.ts'
import type { MeantBase } from './remembered.ts'

/** What a name meant for another platform than the host's when it was last asked for. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS foreign_base (
  name TEXT NOT NULL,
  platform TEXT NOT NULL,
  digest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (name, platform)
) STRICT, WITHOUT ROWID;`

/** How base images are found: here, else in the registries. */
export interface BaseLookup {
  readonly policy: PullPolicy
  readonly lease: Lease
  /** Told of every image that a name stood for. */
  readonly meant?: (base: MeantBase) => void
  /** Opens what is not here without its layers. */
  readonly lazy?: LazyBases
}

export type ImageResolver = (ref: string, platform: Platform, call?: Call) => Promise<OpenedImage>

/** Finds the base images of a build, for this platform or another. */
export async function imageResolver(parts: Parts, lookup: BaseLookup): Promise<ImageResolver> {
  const content = await imageContent(parts)
  return async (ref, platform, call) => {
    const find = async (): Promise<OpenedImage> => {
      const { root } = await locateBase(parts, ref, call)
      lookup.meant?.({ ref, platform, root })
      return await ofWhole(parts, { ref, root }, () => openImage(content, root, platform, call), call)
    }
    if (lookup.lazy && lookup.policy !== 'never') return lazily(lookup.lazy, { ...lookup, ref, platform, find }, call)
    if (matchPlatform(hostPlatform(), platform) !== undefined)
      return obtain(parts, ref, { pull: lookup.policy }, find, call)
    return foreign(parts, { ...lookup, content, ref, platform, find }, call)
  }
}

async function lazily(lazy: LazyBases, base: Omit<Foreign, 'content'>, call?: Call): Promise<OpenedImage> {
  const { policy, platform, ref } = base
  const local = policy === 'always' ? undefined : await base.find().catch(absent)
  if (local && matchPlatform(platform, local.platform) !== undefined) return local
  try {
    return await lazy.open(ref, platform, call)
  } catch (error) {
    if (local && !isCode(error, 'canceled')) return local
    throw error
  }
}

function absent(error: unknown): undefined {
  if (!isCode(error, 'not_found')) throw error
}

interface Foreign extends BaseLookup {
  readonly content: ContentProvider
  readonly ref: string
  readonly platform: Platform
  readonly find: () => Promise<OpenedImage>
}

/** An image of the name that is here for another platform is the last resort: it is what it is, not what was asked for. */
async function foreign(parts: Parts, base: Foreign, call?: Call): Promise<OpenedImage> {
  const { policy, platform } = base
  const local = await base.find().catch(absent)
  const suits = local && matchPlatform(platform, local.platform) !== undefined
  if (suits && policy !== 'always') return local
  const known = policy === 'always' ? undefined : await remembered(parts, base, call)
  if (known || policy === 'never') return known ?? local ?? base.find()
  try {
    return await fetched(parts, base, call)
  } catch (error) {
    if (local && !isCode(error, 'canceled')) return local
    throw error
  }
}

async function remembered(
  parts: Parts,
  { content, ref, platform }: Foreign,
  call?: Call,
): Promise<OpenedImage | undefined> {
  parts.db.schema(SCHEMA)
  const row = parts.db.get<{ digest: Digest; media_type: string; size: number }>(
    'SELECT digest, media_type, size FROM foreign_base WHERE name = ? AND platform = ?',
    ref,
    formatPlatform(platform),
  )
  const names = await parts.names()
  if (!row || names.withDigest(row.digest).length === 0) return undefined
  return openImage(content, { mediaType: row.media_type, digest: row.digest, size: row.size }, platform, call)
}

async function fetched(parts: Parts, { content, ref, platform, lease }: Foreign, call?: Call): Promise<OpenedImage> {
  const { fetchForeign } = await import('../registry/pull.ts')
  const root = await fetchForeign(parts, ref, { platform, lease }, call)
  const names = await parts.names()
  names.keep(root)
  parts.db.schema(SCHEMA)
  parts.db.run(
    'INSERT OR REPLACE INTO foreign_base VALUES (?, ?, ?, ?, ?)',
    ref,
    formatPlatform(platform),
    root.digest,
    root.mediaType,
    root.size,
  )
  return openImage(content, root, platform, call)
}
