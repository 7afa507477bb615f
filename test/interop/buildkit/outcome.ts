import { createHash } from 'node:crypto'
import type { ContentProvider } from '#content'
import { fileTree, openImage, type TreeEntry } from '#image'
import type { Descriptor, History } from '#oci'

/** What came of a build, in a form whose equality is what the comparison means. */
export type Outcome = { readonly error: string } | { readonly said: string } | BuiltImage

export interface BuiltImage {
  /** Members of the config without those that name a time or a layer's bytes. */
  readonly config: unknown
  readonly history: readonly string[]
  /** Path → type, mode, owner, size, digest, link target, xattrs. */
  readonly tree: Readonly<Record<string, string>>
  /** Path → seconds; `created` is the config's. */
  readonly times: Readonly<Record<string, number>>
}

/** Opens an image and describes all of it. */
export async function describeImage(content: ContentProvider, root: Descriptor): Promise<BuiltImage> {
  const image = await openImage(content, root)
  const { created, history, rootfs, ...config } = image.config
  const merged = await fileTree(image)
  const tree: Record<string, string> = {}
  const times: Record<string, number> = { created: Math.floor(Date.parse(created ?? '') / 1000) }
  for (const entry of merged.entries()) {
    const bytes = entry.type === 'file' ? await merged.readFile(entry.path, 1 << 26) : undefined
    tree[`/${entry.path}`] = describeEntry(entry, bytes)
    times[`/${entry.path}`] = Number(entry.mtime / 1_000_000_000n)
  }
  return {
    config: { ...defined(config), config: defined({ ...config.config }), layers: rootfs.diff_ids.length },
    history: (history ?? []).map(historyLine),
    tree,
    times,
  }
}

/** Null, empty and absent members mean the same. */
function defined(members: object): object {
  return Object.fromEntries(
    Object.entries(members)
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function historyLine({ created_by: by, comment, empty_layer: empty }: History): string {
  return [by ?? '', comment ? `# ${comment}` : '', empty ? '(empty)' : ''].filter(Boolean).join(' ')
}

function describeEntry(entry: TreeEntry, bytes: Uint8Array | undefined): string {
  const { type, mode, uid, gid, linkname, devmajor, devminor, xattrs } = entry
  const parts = [type, mode.toString(8), `${uid}:${gid}`]
  if (bytes) parts.push(`${bytes.length}`, createHash('sha256').update(bytes).digest('hex').slice(0, 16))
  // Short texts are shown as they are, so that a difference can be read.
  if (bytes && bytes.length < 200) parts.push(JSON.stringify(Buffer.from(bytes).toString('latin1')))
  if (type === 'symlink') parts.push(`-> ${linkname}`)
  if (type === 'chardev' || type === 'blockdev') parts.push(`${devmajor}:${devminor}`)
  for (const [name, value] of xattrs ?? []) parts.push(`${name}=${Buffer.from(value).toString('hex')}`)
  return parts.join(' ')
}

export function isRefused(outcome: Outcome): outcome is { readonly error: string } {
  return 'error' in outcome
}

/** What a check, outline or list of targets says, without what only a client adds; checks in an order of their own. */
export function saidText(text: string): string {
  const [head = '', ...warnings] = `\n${text}`.replace(/^\nCheck complete.*\n/, '\n').split('\nWARNING: ')
  return [
    head.replace(/\n?ERROR: [^]*$/, ''),
    ...warnings.map((one) => one.replace(/\n?ERROR: [^]*$/, '')).toSorted(),
  ].join('\nWARNING: ')
}
