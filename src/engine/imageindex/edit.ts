import { fail, streamOf, type Call } from '#base'
import { readDocument, unionProvider, type ContentProvider } from '#content'
import { addEntries, annotateIndex, editIndex, encodeIndex, removeEntries } from '#image'
import { isIndex, MediaType, parsePlatform, type EncodedDocument, type ImageIndex } from '#oci'
import { somePlatforms } from '#registry/client'
import type { Parts } from '../parts.ts'
import { openDestination, openSource } from '../transport/open.ts'
import type { Destination } from '../transport/types.ts'
import type { CreateIndex, EditedIndex, EditIndex, IndexTarget } from '../types.ts'
import { openMembers, type Members, type MembersRequest } from './members.ts'

/** Makes an index of images from anywhere, and brings them to where it is to be. */
export async function createIndex(parts: Parts, name: string, request: CreateIndex, call?: Call): Promise<EditedIndex> {
  await using stack = new AsyncDisposableStack()
  const members = await openMembers(parts, membersRequest(request), stack, call)
  const { manifests } = addEntries({ schemaVersion: 2, manifests: [] }, members.entries)
  const { annotations, artifactType } = request
  const index = await encodeIndex({
    mediaType: indexType(request, manifests),
    manifests,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
  })
  return await place(parts, { name, index, from: members.content, members, ...request }, call)
}

/** Changes an index where it is, or makes a changed copy under another name. Its images stay what they are. */
export async function changeIndex(parts: Parts, name: string, request: EditIndex, call?: Call): Promise<EditedIndex> {
  await using stack = new AsyncDisposableStack()
  const open = { plain: 'registry', ...(request.insecure ? { insecure: true } : {}) } as const
  const source = stack.use(await openSource(parts, name, open, call))
  const { root, from } = await source.find({}, call)
  if (!isIndex(root.mediaType))
    fail('failed_precondition', `${name} is one image, not an index`, { hint: 'cairn index create makes an index' })
  const { add } = request
  const members = add && (await openMembers(parts, membersRequest({ ...request, ...add }), stack, call))
  const bytes = await readDocument(from, root, call)
  const index = await editIndex(root.mediaType, bytes, (before) => changed(before, request, members))
  const content = members ? unionProvider(from, members.content) : from
  const to = { ...request, name: request.to ?? name }
  return await place(parts, { index, from: content, ...(members ? { members } : {}), ...to }, call)
}

function changed(before: ImageIndex, request: EditIndex, members?: Members): ImageIndex {
  let index = before
  if (request.keep) {
    const keep = request.keep.map((platform) => parsePlatform(platform))
    const kept = somePlatforms(keep)(index.manifests, { mediaType: MediaType.ociIndex, digest: 'sha256:', size: 0 })
    if (!Array.isArray(kept)) return fail('internal', 'platforms are chosen at once')
    index = { ...index, manifests: kept }
  }
  if (request.remove) index = removeEntries(index, request.remove)
  if (request.note) index = annotateIndex(index, request.note)
  if (!request.add || !members) return index
  const { annotations } = request.add
  const entries = annotations
    ? members.entries.map((d) => ({ ...d, annotations: { ...d.annotations, ...annotations } }))
    : members.entries
  return addEntries(index, entries, request.add)
}

interface Placing extends IndexTarget {
  readonly name: string
  readonly index: EncodedDocument
  readonly from: ContentProvider
  readonly members?: Members
}

/** Puts the index where it belongs, with those of its images that are not there. */
async function place(
  parts: Parts,
  { name, index, from, members, dryRun, insecure }: Placing,
  call?: Call,
): Promise<EditedIndex> {
  const { descriptor: root, bytes } = index
  if (dryRun) return { name, root, bytes }
  await using destination = await openDestination(parts, name, {
    plain: 'registry',
    ...(insecure ? { insecure: true } : {}),
  })
  const own: ContentProvider = {
    has: async ({ digest }) => digest === root.digest,
    open: async () => streamOf(bytes),
  }
  const content = { ...unionProvider(own, from), resolve: async () => root }
  const image = { root, from: content, sparse: true }
  const received = await destination.receive(image, { ...call, all: true, mountFrom: lenders(destination, members) })
  return { name, root: received.root, bytes }
}

/** Repositories of the destination's own registry that have members' blobs. */
export function lenders({ target }: Destination, members?: Members): readonly string[] {
  if (!target || !('registry' in target)) return []
  return (members?.repositories ?? []).filter(({ registry }) => registry === target.registry).map(({ path }) => path)
}

function membersRequest({ sources, platforms, insecure }: CreateIndex): MembersRequest {
  return {
    sources,
    ...(platforms ? { platforms: platforms.map((platform) => parsePlatform(platform)) } : {}),
    ...(insecure ? { insecure } : {}),
  }
}

/** Docker's own type where every image is of Docker's; an annotation or artifact type needs OCI's. */
export function indexType(
  { mediaType, annotations, artifactType }: Omit<CreateIndex, 'sources'>,
  manifests: readonly { readonly mediaType: string }[],
): string {
  if (mediaType !== undefined) return mediaType === 'docker' ? MediaType.dockerManifestList : MediaType.ociIndex
  const plain = artifactType === undefined && Object.keys(annotations ?? {}).length === 0
  const docker = plain && manifests.every((d) => d.mediaType === MediaType.dockerManifest)
  return docker ? MediaType.dockerManifestList : MediaType.ociIndex
}
