import type { ByteStream } from '#base'
import { createHasher, readTar, type TarMember } from '#codec'
import type { ImageDifference } from './difference.ts'

type LayerDifference = Pick<ImageDifference, 'path' | 'field' | 'first' | 'second'>

/** What of a member counts, each as people would read it. */
type Facts = Readonly<Record<string, string>>

/**
 * In what two archives differ, by path. Of the first archive the facts of every member are held in memory: about half
 * a kilobyte each. The last of several members of one path counts, as it does when the archive is unpacked.
 */
export async function* archiveDifferences(
  first: ByteStream,
  second: ByteStream,
): AsyncGenerator<LayerDifference, void, void> {
  const before = await factsOf(first)
  const after = await factsOf(second)
  let same = true
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    for (const difference of factDifferences(path, before.get(path), after.get(path))) {
      same = false
      yield difference
    }
  }
  if (same) yield archiveForm([...before.keys()], [...after.keys()])
}

function* factDifferences(path: string, a: Facts | undefined, b: Facts | undefined): Generator<LayerDifference> {
  if (!a || !b) {
    yield { path, field: 'presence', first: a ? a['type']! : 'absent', second: b ? b['type']! : 'absent' }
    return
  }
  for (const field of new Set([...Object.keys(a), ...Object.keys(b)]))
    if (a[field] !== b[field]) yield { path, field, first: a[field] ?? 'none', second: b[field] ?? 'none' }
}

/** The files are the same, and yet the bytes are not. */
function archiveForm(before: readonly string[], after: readonly string[]): LayerDifference {
  const at = before.findIndex((path, i) => path !== after[i])
  if (at >= 0) return { path: before[at]!, field: 'order', first: `member ${at + 1}`, second: after[at] ?? 'the end' }
  return { path: '/', field: 'headers', first: 'one form of tar', second: 'another form of tar' }
}

async function factsOf(archive: ByteStream): Promise<Map<string, Facts>> {
  const all = new Map<string, Facts>()
  for await (const { entry, data } of readTar(archive)) {
    const path = `/${entry.path.replace(/^(?:\.?\/+)+/, '').replace(/^\.$/, '')}`
    all.delete(path)
    all.set(path, await facts(entry, data))
  }
  return all
}

async function facts(entry: TarMember, data: ByteStream): Promise<Facts> {
  const xattrs = [...(entry.xattrs ?? [])].map(([name, value]) => [`xattr ${name}`, hex(value)] as const)
  return {
    type: entry.type,
    mode: `0${entry.mode.toString(8)}`,
    owner: `${entry.uid}:${entry.gid}`,
    time: new Date(Number(entry.mtime / 1_000_000n)).toISOString(),
    ...(entry.linkname === undefined ? {} : { target: entry.linkname }),
    ...(entry.devmajor === undefined ? {} : { device: `${entry.devmajor}:${entry.devminor ?? 0}` }),
    ...Object.fromEntries(xattrs),
    ...(entry.type === 'file' ? { size: `${entry.size} bytes`, content: await digestOf(data) } : {}),
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function digestOf(data: ByteStream): Promise<string> {
  const hasher = createHasher('sha256')
  for await (const chunk of data) hasher.update(chunk)
  return hasher.digest()
}
