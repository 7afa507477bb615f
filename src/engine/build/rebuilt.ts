import type { Call } from '#base'
import { exported, readGiven, RememberedBuilds, tellCached, useRecord, type Given, type SolvedBuild } from '#build'
import { familiarName, parseReference, type Digest } from '#oci'
import { layersThere } from '#snapshot'
import { newId } from '../container/name.ts'
import type { Parts } from '../parts.ts'
import type { Built } from '../types.ts'
import { buildOptions } from './options.ts'
import type { BuildRequest } from './request.ts'
import { locateBase } from '../image/find.ts'
import { fullName } from '../image/names.ts'
import { isPlain, programOf, type RememberedImage } from './remembered.ts'

/**
 * A build of which nothing has changed, told and named without being planned again: the Dockerfile, the options, the
 * files that its steps read, what its bases' names mean and who builds are the same as in the last build of its place, and
 * the record and all that the result consists of are still there. Undefined where anything is otherwise: docs/model/build.md.
 */
export async function rebuilt(parts: Parts, request: BuildRequest, call?: Call): Promise<Built | undefined> {
  const program = programOf()
  if (program === undefined || !isPlain(request)) return undefined
  const given = readGiven(buildOptions(request), program)
  const text = given && new RememberedBuilds(parts.db).get(given)
  if (!given || text === undefined) return undefined
  const image = JSON.parse(text) as RememberedImage
  const [store, table] = await Promise.all([parts.store(), parts.names()])
  const isThere = layersThere({ root: parts.paths.root, db: parts.db })
  for (const { ref, root } of image.bases) if ((await meaning(parts, ref, call)) !== root) return undefined
  if (!(await readsTheSame(parts, given, image, call))) return undefined
  const names = (request.tags ?? []).map(fullName)
  const { root, imageId } = image
  // Nothing is leased: while this process holds the write lock nobody collects, and then a name keeps all of it.
  const isNamed = parts.db.immediate(() => {
    if (!useRecord(parts.db, isThere, image.record, image.layers)) return false
    if (!image.blobs.every(({ digest, size }) => store.stat(digest)?.size === size)) return false
    const now = Date.now()
    for (const name of names) table.tag(root, name, now)
    if (names.length === 0) table.keep(root, now)
    return true
  })
  if (!isNamed) return undefined
  if (call?.progress) tellCached(image, call.progress)
  await exported(call, async () => undefined)
  return {
    id: imageId,
    digest: root.digest,
    descriptor: root,
    names: names.map((name) => familiarName(parseReference(name))),
    references: names,
    ref: newId().slice(0, 25),
  }
}

async function meaning(parts: Parts, ref: string, call?: Call): Promise<Digest | undefined> {
  return (await locateBase(parts, ref, call).catch(() => undefined))?.root.digest
}

/** What reads files is not loaded for a build that reads none. */
async function readsTheSame(parts: Parts, given: Given, { reads }: SolvedBuild, call?: Call): Promise<boolean> {
  if (reads.length === 0) return true
  return (await import('./reread.ts')).reread(parts, given, reads, call)
}
