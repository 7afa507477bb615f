import { fail, type ByteStream, type Call } from '#base'
import { copyGraph, openLayout, readGraph, writeLayoutTar, type ArchivedImage } from '#content'
import { saveImages } from '#image'
import type { Descriptor } from '#oci'
import { pack } from '../../pack/pack.ts'
import type { Packed } from '../../pack/types.ts'
import { writeWhole } from '../../transport/writewhole.ts'
import { fullName } from '../../image/names.ts'
import type { OutputSession } from './session.ts'
import type { ArchiveOutput } from './types.ts'

/** Writes an archive, or with `tar: false` a directory. */
export async function archiveOutput(session: OutputSession, output: ArchiveOutput, call?: Call): Promise<Descriptor> {
  const { parts, lease, content, root } = session
  const names = output.names?.map(fullName) ?? session.names
  const options = { compression: 'gzip', ...output } as const
  const packed = await pack(parts, root, { content, lease, options }, call)
  if (output.tar === false) {
    await layout(packed, names, output, call)
    return packed.root
  }
  const tar = await archive(output.type, { root: packed.root, names }, packed, call)
  await (typeof output.dest === 'string' ? writeWhole(output.dest, tar) : output.dest(tar))
  return packed.root
}

async function archive(
  type: ArchiveOutput['type'],
  image: ArchivedImage,
  { root, content }: Packed,
  call?: Call,
): Promise<ByteStream> {
  if (type === 'docker') return saveImages([image], content, {}, call)
  return writeLayoutTar([image], await readGraph(content, [root], call), content, undefined, call)
}

async function layout(
  { root, content }: Packed,
  names: readonly string[],
  { dest, type }: ArchiveOutput,
  call?: Call,
): Promise<void> {
  if (typeof dest !== 'string') fail('invalid_argument', 'tar=false needs dest=DIRECTORY')
  if (type === 'docker')
    fail('invalid_argument', 'type=docker is always a tar', { hint: 'type=oci,tar=false is a directory' })
  const to = openLayout(dest, { create: true })
  await copyGraph(content, to, root, { ...call })
  for (const name of names.length > 0 ? names : [root.digest]) await to.tag(root, name, call)
}
