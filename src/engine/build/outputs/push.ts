import type { Call } from '#base'
import { copyGraph, readDocument, type Lease } from '#content'
import { formatReference, isAttestation, parseIndex, parseReference, type Descriptor, type Reference } from '#oci'
import { copyImage, type Repository } from '#registry/client'
import { pack } from '../../pack/pack.ts'
import type { Packed } from '../../pack/types.ts'
import type { Parts } from '../../parts.ts'
import { lendersOf } from '../../registry/push.ts'
import { repositoryOf } from '../../transport/registry.ts'
import type { SentImage } from '../cache/send.ts'
import type { OutputSession } from './session.ts'
import type { ImageOutput } from './types.ts'

/** Sends the image to the registries in its names: layers compressed unless the output says otherwise. */
export async function pushImage(
  session: OutputSession,
  {
    output,
    names,
    attested,
  }: { readonly output: ImageOutput; readonly names: readonly string[]; readonly attested: Descriptor },
  call?: Call,
): Promise<SentImage> {
  const { parts, root, content, lease } = session
  const options = { compression: 'gzip', ...output } as const
  const packed = await pack(parts, root, { content, lease, options }, call)
  const more = attested === root ? undefined : await pack(parts, attested, { content, lease, options }, call)
  const sent: Reference[] = []
  for (const name of names) {
    const reference = parseReference(name)
    const repository = await repositoryOf(parts, reference, output.insecure ? { insecure: true } : {})
    await push(packed, { parts, repository, reference, sent, output, lease }, call)
    if (more) await pushReferrers(more, repository, lease, call)
    sent.push(reference)
  }
  return { root: packed.root, names }
}

interface Pushing {
  readonly parts: Parts
  readonly repository: Repository
  readonly reference: Reference
  /** Names that have it already. */
  readonly sent: readonly Reference[]
  readonly output: ImageOutput
  readonly lease: Lease
}

async function push({ root, content }: Packed, pushing: Pushing, call?: Call): Promise<void> {
  const { parts, repository, reference, sent, output, lease } = pushing
  const { domain, path, tag = 'latest' } = reference
  const id = `push ${formatReference(reference)}`
  const step = { kind: 'vertex', id, name: `pushing ${domain}/${path}:${tag}`, started: Date.now() } as const
  call?.progress?.(step)
  await copyImage({ ...content, resolve: async () => root }, repository, root, {
    ...call,
    lease,
    tags: output.pushByDigest ? [] : [tag],
    mountFrom: lendersOf(
      parts,
      reference,
      sent.filter((other) => other.domain === domain).map((other) => other.path),
    ),
  })
  call?.progress?.({ ...step, completed: Date.now() })
}

/** What an index has beside its images, without the index: the registry lists it by its subjects. */
async function pushReferrers(
  { root, content }: Packed,
  repository: Repository,
  lease: Lease,
  call?: Call,
): Promise<void> {
  const { manifests } = parseIndex(await readDocument(content, root, call), root.mediaType)
  for (const entry of manifests.filter(isAttestation)) await copyGraph(content, repository, entry, { ...call, lease })
}
