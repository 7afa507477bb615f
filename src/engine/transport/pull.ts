import { fail, type Call } from '#base'
import { familiarName, formatReference, parseReference, withDefaultTag } from '#oci'
import { factsFor } from '../image/facts.ts'
import type { Parts } from '../parts.ts'
import type { PullOptions, Pulled, Pushed, PushOptions } from '../types.ts'
import { tagsHere } from '../registry/push.ts'
import { copy } from './copy.ts'
import { parseLocation } from './location.ts'

/** Pulls from a place that is no registry: another machine, a layout, an archive. The image keeps its name. */
export async function pullFrom(
  parts: Parts,
  from: string,
  { all, platform, jobs, referrers }: PullOptions,
  call?: Call,
): Promise<readonly Pulled[]> {
  const name = imageName(from)
  const before = await parts.names()
  const known = new Map(before.list().map((image) => [image.name, image.root.digest]))
  const request = {
    from,
    to: `store://${name}`,
    ...(all ? { allTags: true } : {}),
    ...(referrers ? { referrers } : {}),
    ...(platform === undefined ? {} : { platforms: [platform] }),
    ...(jobs === undefined ? {} : { jobs }),
  }
  const pulled: Pulled[] = []
  for (const { tag, root } of await copy(parts, request, call)) {
    const reference = { ...parseReference(name), ...(tag === undefined ? {} : { tag }) }
    const full = formatReference(withDefaultTag(reference))
    const { id } = await factsFor(parts, root, call)
    const changed = known.get(full) !== root.digest
    pulled.push({ name: familiarName(reference), reference: full, digest: root.digest, id, changed })
  }
  return pulled
}

/** Pushes an image of the store to a place that is no registry, under its own name there. */
export async function pushTo(
  parts: Parts,
  to: string,
  ref: string,
  { all, jobs, platform, referrers }: PushOptions,
  call?: Call,
): Promise<readonly Pushed[]> {
  const given = parseReference(ref)
  if (all && (given.tag !== undefined || given.digest !== undefined))
    fail('invalid_argument', `a tag cannot be given with all tags: ${ref}`)
  const references = all ? await tagsHere(parts, given) : [withDefaultTag(given)]
  const pushed: Pushed[] = []
  for (const reference of references) {
    const request = {
      from: `store://${all ? formatReference(reference) : ref}`,
      to: all ? `${to}:${reference.tag}` : to,
      ...(jobs === undefined ? {} : { jobs }),
      ...(platform === undefined ? {} : { platforms: [platform] }),
      ...(referrers ? { referrers } : {}),
    }
    const [copied] = await copy(parts, request, call)
    const { digest, size } = copied!.root
    pushed.push({ name: familiarName(reference), tag: reference.tag ?? 'latest', digest, size })
  }
  return pushed
}

/** What the image is called here. In a layout or an archive a bare tag is no name. */
function imageName(from: string): string {
  const location = parseLocation(from)
  const ref = 'ref' in location ? location.ref : undefined
  const named = ref !== undefined && !ref.startsWith('@') && (!('path' in location) || /[/:]/.test(ref))
  return named ? ref : fail('invalid_argument', `${from} has no image name`, { hint: `cairn copy ${from} NAME` })
}
