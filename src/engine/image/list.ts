import { familiarName, parseReference, type Digest } from '#oci'
import type { Parts } from '../parts.ts'
import type { ImageSummary } from '../types.ts'
import { allFacts, heldFacts } from './facts.ts'

/** The store's images, newest first, each with all its names; `all` adds those that only a container keeps. */
export async function list(parts: Parts, options: { readonly all?: boolean } = {}): Promise<readonly ImageSummary[]> {
  const names = await parts.names()
  const facts = await allFacts(parts)
  const users = new Map<string, number>()
  for (const { manifest } of parts.containers.list()) users.set(manifest, (users.get(manifest) ?? 0) + 1)
  const images = new Map<Digest, ImageSummary & { names: string[] }>()
  for (const { name, root, created } of names.list()) {
    const known = facts.get(root.digest)
    if (!known) continue
    const image = images.get(root.digest) ?? {
      id: known.id,
      digest: root.digest,
      names: [],
      created,
      size: known.size,
      labels: known.labels,
      containers: users.get(known.manifest) ?? 0,
    }
    if (name !== undefined) image.names.push(familiarName(parseReference(name)))
    images.set(root.digest, image)
  }
  for (const [{ digest }, known] of options.all ? await heldFacts(parts, facts) : []) {
    const [user] = parts.containers.usingManifest(known.manifest)
    const { id, size, labels, manifest, created = user?.created ?? 0 } = known
    images.set(digest, { id, digest, names: [], created, size, labels, containers: users.get(manifest) ?? 0 })
  }
  return [...images.values()].toSorted((a, b) => b.created - a.created)
}
