import { fail, isCode, type Call } from '#base'
import { currentCommit, currentDigest } from '#build'
import { parseReference, withDefaultTag, type Digest } from '#oci'
import { locateBase } from '../image/find.ts'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import { readLock, writeLock } from './file.ts'
import type { LockChange, SourceLock } from './types.ts'

/**
 * Asks again what every name of a lock file means, and writes it down unless `check` is set. Answers what changed. What
 * cannot be found any more keeps its entry, and is told of.
 */
export async function updateLock(
  parts: Parts,
  file: string,
  { check = false }: { readonly check?: boolean } = {},
  call?: Call,
): Promise<readonly LockChange[]> {
  const lock = readLock(file) ?? fail('not_found', `there is no ${file}`, { hint: 'make it: cairn build --lock' })
  using work = await createWorkDir(parts, 'build')
  const look = { db: parts.db, directory: work.path }
  const changes: LockChange[] = []
  const ask = async <T extends string>(about: Omit<LockChange, 'after'>, find: () => Promise<T>): Promise<T> => {
    const after = await find().catch((error: unknown) => {
      if (isCode(error, 'not_found')) return undefined
      throw error
    })
    if (after !== about.before) changes.push({ ...about, ...(after === undefined ? {} : { after }) })
    return after ?? (about.before as T)
  }
  const images: Record<string, Record<string, Digest>> = {}
  for (const [name, platforms] of Object.entries(lock.images))
    for (const [platform, before] of Object.entries(platforms))
      (images[name] ??= {})[platform] = await ask({ kind: 'images', name, platform, before }, () =>
        currentImage(parts, name, call),
      )
  const git: Record<string, string> = {}
  for (const [name, before] of Object.entries(lock.git)) {
    const at = name.lastIndexOf('#')
    const find = (): Promise<string> => currentCommit(name.slice(0, at), name.slice(at + 1), look, call)
    git[name] = await ask({ kind: 'git', name, before }, find)
  }
  const http: Record<string, Digest> = {}
  for (const [name, before] of Object.entries(lock.http))
    http[name] = await ask({ kind: 'http', name, before }, () => currentDigest(name, look, call))
  const updated: SourceLock = { images, git, http }
  if (!check) await writeLock(file, updated)
  return changes
}

/** What a name means in its registry; of an image that no registry has, what it means here. */
async function currentImage(parts: Parts, name: string, call?: Call): Promise<Digest> {
  const { tag, ...repository } = withDefaultTag(parseReference(name))
  try {
    const { client } = await parts.registries()
    return (await client.repository(repository).resolve(tag!, call)).digest
  } catch (error) {
    if (isCode(error, 'canceled')) throw error
    const here = await locateBase(parts, name, call).catch(() => undefined)
    if (here) return here.root.digest
    throw error
  }
}
