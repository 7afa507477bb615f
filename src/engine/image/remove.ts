import { fail, type Call } from '#base'
import { familiarName, parseReference, type Digest } from '#oci'
import type { ContainerRecord } from '../container/table.ts'
import type { Parts } from '../parts.ts'
import { collect } from '../system/collect.ts'
import type { RemovedImage } from '../types.ts'
import { factsFor, forgetFacts, readable } from './facts.ts'
import { locate } from './find.ts'

/**
 * Takes a name away, and with the last one the image. An image that a container uses is refused, or
 * by force loses its name alone; one that is meant by its ID must have one name at most.
 */
export async function remove(
  parts: Parts,
  ref: string,
  options: { readonly force?: boolean } = {},
  call?: Call,
): Promise<RemovedImage> {
  const { root, name } = await locate(parts, ref, call)
  const names = await parts.names()
  // Of a damaged image no more is known than that it goes.
  const facts = await readable(() => factsFor(parts, root, call))
  const { id, manifest } = facts ?? { id: root.digest, manifest: root.digest }
  const untagged = parts.db.immediate((): readonly string[] => {
    const all = names.withDigest(root.digest).flatMap((image) => image.name ?? [])
    const going = name === undefined ? all : [name]
    if (going.length > 1 && !options.force)
      fail(
        'failed_precondition',
        `conflict: unable to delete ${short(id)} (must be forced) - image is referenced in multiple repositories`,
        {
          hint: `cairn rmi ${all.map(shown).join(' ')}, or -f`,
        },
      )
    const last = going.length === all.length
    const users = last ? parts.containers.usingManifest(manifest) : []
    const user = users.find(isActive) ?? users[0]
    if (user && (isActive(user) || !options.force)) refuse(user, id, name)
    for (const gone of going) names.untag(gone)
    // By force, a container's image stays without a name; the container's record keeps it.
    if (last && !user) names.forget(root.digest)
    return going
  })
  await collect(parts, {}, call)
  const kept = names.withDigest(root.digest).length > 0 || parts.containers.usingManifest(manifest).length > 0
  if (!kept) forgetFacts(parts.db)
  return { untagged: untagged.map(shown), deleted: kept ? [] : [id] }
}

function isActive({ state }: ContainerRecord): boolean {
  return state === 'running' || state === 'paused' || state === 'starting'
}

function refuse(user: ContainerRecord, id: Digest, name: string | undefined): never {
  const container = user.id.slice(0, 12)
  const cure = { hint: `cairn rm -f ${user.name}` }
  if (isActive(user))
    fail(
      'failed_precondition',
      `conflict: unable to delete ${short(id)} (cannot be forced) - image is being used by running container ${container}`,
      cure,
    )
  const what = name === undefined ? `delete ${short(id)}` : `remove repository reference "${shown(name)}"`
  fail(
    'failed_precondition',
    `conflict: unable to ${what} (must force) - container ${container} is using its referenced image ${short(id)}`,
    cure,
  )
}

function shown(name: string): string {
  return familiarName(parseReference(name))
}

function short(id: Digest): string {
  return id.slice(7, 19)
}
