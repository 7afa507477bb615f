import type { Call } from '#base'
import { familiarName, parseReference } from '#oci'
import type { Parts } from '../parts.ts'
import { collect } from '../system/collect.ts'
import type { Chosen, Pruned } from '../types.ts'
import { allFacts, forgetFacts } from './facts.ts'

/** Removes images without a name, or every image without a container. */
export async function prune(
  parts: Parts,
  options: { readonly all?: boolean; readonly chosen?: Chosen } = {},
  call?: Call,
): Promise<Pruned> {
  const names = await parts.names()
  const facts = await allFacts(parts, call)
  const removed = parts.db.immediate((): readonly string[] => {
    const lines: string[] = []
    const gone = new Set<string>()
    for (const { name, root, created } of names.list()) {
      const fact = facts.get(root.digest)
      if (!options.all && name !== undefined) continue
      if (options.chosen?.({ created, labels: fact?.labels ?? {} }) === false) continue
      if (fact && parts.containers.usingManifest(fact.manifest).length > 0) continue
      if (name !== undefined) lines.push(`untagged: ${familiarName(parseReference(name))}`)
      if (!gone.has(root.digest)) {
        gone.add(root.digest)
        if (fact) lines.push(`deleted: ${fact.id}`)
      }
    }
    for (const digest of gone) names.forget(digest as never)
    return lines
  })
  const { bytes } = await collect(parts, {}, call)
  forgetFacts(parts.db)
  return { removed, bytes }
}
