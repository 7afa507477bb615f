import { fail, type Call } from '#base'
import { copyGraph } from '#content'
import { formatReference, parseReference, type Reference } from '#oci'
import { copyImage } from '#registry/client'
import { pack } from '../../pack/pack.ts'
import type { Packed } from '../../pack/types.ts'
import type { SentImage } from '../cache/send.ts'
import { fullName } from '../names.ts'
import type { OutputSession } from './session.ts'
import type { ImageOutput } from './types.ts'

/** Names the image here, and pushes it where that was asked for. Answers with what the outside knows it by. */
export async function imageOutput(session: OutputSession, output: ImageOutput, call?: Call): Promise<SentImage> {
  const { parts, lease, content, root } = session
  const names = output.names?.map(fullName) ?? session.names
  if (output.push && names.length === 0)
    fail('invalid_argument', 'an image that is pushed needs a name', { hint: 'give one with -t, or name= in --output' })
  const here = await pack(parts, root, { content, lease, options: output }, call)
  if (output.store !== false) await stored(session, here, names, call)
  if (!output.push) return { root: here.root, names }
  const options = { compression: 'gzip', ...output } as const
  const packed = await pack(parts, root, { content, lease, options }, call)
  const sent: Reference[] = []
  for (const name of names) {
    const reference = parseReference(name)
    await push(session, packed, { reference, sent, byDigest: output.pushByDigest === true }, call)
    sent.push(reference)
  }
  return { root: packed.root, names }
}

async function stored(
  { parts, lease, root }: OutputSession,
  packed: Packed,
  names: readonly string[],
  call?: Call,
): Promise<void> {
  const [store, layers, table] = await Promise.all([parts.store(), parts.layers(), parts.names()])
  // What the build made is in the store already, under its lease.
  if (packed.root.digest !== root.digest)
    await copyGraph(packed.content, store.leased(lease), packed.root, {
      ...call,
      lease,
      exclude: ({ digest }) => layers.stat(digest) !== undefined,
    })
  const now = Date.now()
  for (const name of names) table.tag(packed.root, name, now)
  if (names.length === 0) table.keep(packed.root, now)
}

async function push(
  { parts, lease }: OutputSession,
  { root, content }: Packed,
  to: { readonly reference: Reference; readonly sent: readonly Reference[]; readonly byDigest: boolean },
  call?: Call,
): Promise<void> {
  const { reference, sent, byDigest } = to
  const { client } = await parts.registries()
  const { domain, path, tag = 'latest' } = reference
  const id = `push ${formatReference(reference)}`
  const step = { kind: 'vertex', id, name: `pushing ${domain}/${path}:${tag}`, started: Date.now() } as const
  call?.progress?.(step)
  await copyImage({ ...content, resolve: async () => root }, client.repository(reference), root, {
    ...call,
    lease,
    tags: byDigest ? [] : [tag],
    mountFrom: sent.filter((other) => other.domain === domain && other.path !== path).map((other) => other.path),
  })
  call?.progress?.({ ...step, completed: Date.now() })
}
