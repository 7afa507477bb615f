import { fail, type Call } from '#base'
import { acquireLease, type Lease } from '#content'
import {
  familiarName,
  familiarRepository,
  formatReference,
  parsePlatform,
  parseReference,
  withDefaultTag,
  type Descriptor,
  type Platform,
  type Reference,
} from '#oci'
import type { Repository } from '#registry/client'
import { bringImage, giveName } from '../image/bring.ts'
import { factsFor } from '../image/facts.ts'
import type { Parts } from '../parts.ts'
import { hasTransport } from '../transport/location.ts'
import type { PullOptions, Pulled } from '../types.ts'
import { rememberPulled } from './pulledtable.ts'

/**
 * Brings an image from its registry: its documents, and the layers of one platform, several at once.
 * It has a name only when everything is here. What an interrupted pull fetched is not fetched again.
 */
export async function pull(
  parts: Parts,
  ref: string,
  options: PullOptions = {},
  call?: Call,
): Promise<readonly Pulled[]> {
  if (hasTransport(ref) && !ref.startsWith('docker://'))
    return (await import('../transport/pull.ts')).pullFrom(parts, ref, options, call)
  const given = parseReference(ref.replace(/^docker:\/\//, ''))
  if (options.all && (given.tag !== undefined || given.digest !== undefined))
    fail('invalid_argument', `a tag or digest cannot be given with all tags: ${ref}`, {
      hint: familiarRepository(given),
    })
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform)
  const { client } = await parts.registries()
  const repository = client.repository(given)
  await using lease = acquireLease(parts.db, `pull ${familiarName(given)}`)
  const pulling = {
    parts,
    repository,
    lease,
    ...(platform ? { platforms: [platform] } : {}),
    ...(options.referrers ? { referrers: true } : {}),
    ...(options.jobs ? { concurrency: options.jobs } : {}),
  }
  if (!options.all) return [await pullOne(pulling, withDefaultTag(given), call)]
  const pulled: Pulled[] = []
  for await (const tag of repository.tags(call)) pulled.push(await pullOne(pulling, { ...given, tag }, call))
  return pulled
}

/** Brings the image of one platform here without giving it the name: a name stands for what runs here. */
export async function fetchForeign(
  parts: Parts,
  ref: string,
  { platform, lease }: { readonly platform: Platform; readonly lease: Lease },
  call?: Call,
): Promise<Descriptor> {
  const reference = withDefaultTag(parseReference(ref))
  const { client } = await parts.registries()
  const repository = client.repository(reference)
  return await pullStep(reference, call, async (vertex) => {
    const { descriptor } = await repository.document(reference.digest ?? reference.tag ?? 'latest', call)
    const { image } = await bringImage(
      { parts, lease, vertex, origin: repository.name, platforms: [platform] },
      repository,
      descriptor,
      call,
    )
    rememberPulled(parts.db, [image.descriptor.digest])
    return image.descriptor
  })
}

interface Pulling {
  readonly parts: Parts
  readonly repository: Repository
  readonly platforms?: readonly Platform[]
  readonly lease: Lease
  readonly concurrency?: number
  readonly referrers?: boolean
}

async function pullOne(pulling: Pulling, reference: Reference, call?: Call): Promise<Pulled> {
  const { parts, repository } = pulling
  return await pullStep(reference, call, async (id) => {
    const { descriptor } = await repository.document(reference.digest ?? reference.tag ?? 'latest', call)
    const brought = await bringImage({ ...pulling, origin: repository.name, vertex: id }, repository, descriptor, call)
    rememberPulled(parts.db, [brought.root.digest, brought.image.descriptor.digest])
    const changed = await giveName(parts, reference, brought)
    if (pulling.referrers) {
      const { takeReferrers } = await import('../transport/store.ts')
      await takeReferrers(parts, repository, brought.root, { ...call, lease: pulling.lease, vertex: id })
    }
    const facts = await factsFor(parts, brought.root, call)
    return { name: familiarName(reference), reference: id, digest: descriptor.digest, id: facts.id, changed }
  })
}

/** Reports a pull as a step of its own; `work` is given its id. */
async function pullStep<T>(reference: Reference, call: Call | undefined, work: (id: string) => Promise<T>): Promise<T> {
  const id = formatReference(reference)
  const name = `${reference.digest ?? reference.tag}: Pulling from ${reference.path}`
  const step = { kind: 'vertex', id, name, started: Date.now() } as const
  call?.progress?.(step)
  try {
    const result = await work(id)
    call?.progress?.({ ...step, completed: Date.now() })
    return result
  } catch (error) {
    call?.progress?.({ ...step, completed: Date.now(), error: String(error) })
    throw error
  }
}
