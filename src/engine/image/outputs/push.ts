import type { Call } from '#base'
import { formatReference, parseReference, type Reference } from '#oci'
import { copyImage } from '#registry/client'
import { pack } from '../../pack/pack.ts'
import type { Packed } from '../../pack/types.ts'
import { repositoryOf } from '../../transport/registry.ts'
import type { SentImage } from '../cache/send.ts'
import type { OutputSession } from './session.ts'
import type { ImageOutput } from './types.ts'

/** Sends the image to the registries in its names: layers compressed unless the output says otherwise. */
export async function pushImage(
  session: OutputSession,
  { output, names }: { readonly output: ImageOutput; readonly names: readonly string[] },
  call?: Call,
): Promise<SentImage> {
  const { parts, root, content, lease } = session
  const options = { compression: 'gzip', ...output } as const
  const packed = await pack(parts, root, { content, lease, options }, call)
  const sent: Reference[] = []
  for (const name of names) {
    const reference = parseReference(name)
    await push(session, packed, { reference, sent, output }, call)
    sent.push(reference)
  }
  return { root: packed.root, names }
}

async function push(
  { parts, lease }: OutputSession,
  { root, content }: Packed,
  to: { readonly reference: Reference; readonly sent: readonly Reference[]; readonly output: ImageOutput },
  call?: Call,
): Promise<void> {
  const { reference, sent, output } = to
  const repository = await repositoryOf(parts, reference, output.insecure ? { insecure: true } : {})
  const { domain, path, tag = 'latest' } = reference
  const id = `push ${formatReference(reference)}`
  const step = { kind: 'vertex', id, name: `pushing ${domain}/${path}:${tag}`, started: Date.now() } as const
  call?.progress?.(step)
  await copyImage({ ...content, resolve: async () => root }, repository, root, {
    ...call,
    lease,
    tags: output.pushByDigest ? [] : [tag],
    mountFrom: sent.filter((other) => other.domain === domain && other.path !== path).map((other) => other.path),
  })
  call?.progress?.({ ...step, completed: Date.now() })
}
