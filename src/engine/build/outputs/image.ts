import type { Call } from '#base'
import { copyGraph } from '#content'
import type { PackOptions, Packed } from '../../pack/types.ts'
import type { SentImage } from '../cache/send.ts'
import { fullName } from '../../image/names.ts'
import type { OutputSession } from './session.ts'
import type { ImageOutput } from './types.ts'

/** Names the image here, and pushes it where that was asked for. Answers with what the outside knows it by. */
export async function imageOutput(session: OutputSession, output: ImageOutput, call?: Call): Promise<SentImage> {
  const names = output.names?.map(fullName) ?? session.names
  const plain = { ...session, root: session.result.root }
  const from = output.attestations === 'referrers' ? plain : session
  const here = await packedHere(from, output, call)
  if (output.store !== false) await stored(from, here, names, call)
  if (!output.push) return { root: here.root, names }
  const { pushImage } = await import('./push.ts')
  return pushImage(from, { output, names, attested: session.root }, call)
}

/** The usual build changes nothing on the way to the store: the code that could is not even loaded. */
async function packedHere(
  { parts, root, content, lease }: OutputSession,
  output: ImageOutput,
  call?: Call,
): Promise<Packed> {
  const {
    type: _type,
    names: _names,
    push: _push,
    pushByDigest: _by,
    insecure: _in,
    attestations: _attestations,
    store: _store,
    ...options
  } = output
  if (Object.keys(options satisfies PackOptions).length === 0) return { root, content }
  const { pack } = await import('../../pack/pack.ts')
  return pack(parts, root, { content, lease, options }, call)
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
