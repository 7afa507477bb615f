import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, isAbsolute } from 'node:path'
import { checkCanceled, fail, type ByteStream, type Call } from '#base'
import { hashing, safePath } from '#codec'
import { diskError, type Target } from '#content'
import { chooseImage } from '#image'
import { Annotation, MediaType, parsePlatform, type Descriptor } from '#oci'
import { putArtifact, type AttachedFile } from '#registry/client'
import type { Parts } from '../parts.ts'
import { openDestination } from '../transport/open.ts'
import type { ArtifactFile, AttachRequest, PutArtifactRequest } from './types.ts'

/** Bytes read at once. */
const CHUNK = 1 << 20

export async function attach(parts: Parts, name: string, request: AttachRequest, call?: Call): Promise<Descriptor> {
  await using place = await writable(parts, name, request)
  const { target } = place
  if (place.tag === undefined) fail('invalid_argument', `${name} names no image`)
  const root = await target.resolve(place.tag, call)
  const { platform } = request
  const subject = platform === undefined ? root : await chooseImage(target, root, parsePlatform(platform), call)
  return await putArtifact(target, { ...(await artifactOf(request, call)), subject }, call)
}

export async function push(parts: Parts, name: string, request: PutArtifactRequest, call?: Call): Promise<Descriptor> {
  await using place = await writable(parts, name, request)
  const root = await putArtifact(place.target, await artifactOf(request, call), call)
  await place.target.tag(root, place.tag ?? root.digest, call)
  return root
}

async function writable(
  parts: Parts,
  name: string,
  { insecure }: PutArtifactRequest,
): Promise<AsyncDisposable & { readonly target: Target; readonly tag: string | undefined }> {
  const place = await openDestination(parts, name, { plain: 'registry', ...(insecure ? { insecure } : {}) })
  const { target, tag } = place
  if (target) return { target, tag, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
  await place[Symbol.asyncDispose]()
  return fail('invalid_argument', `${name} takes whole images alone`, { hint: 'use a registry or oci:DIR' })
}

async function artifactOf(
  { artifactType, files, annotations }: PutArtifactRequest,
  call?: Call,
): Promise<{ artifactType: string; files: readonly AttachedFile[]; annotations?: Readonly<Record<string, string>> }> {
  const attached: AttachedFile[] = []
  const titles = new Set<string>()
  for (const file of files) {
    const title = titleOf(file.path)
    if (titles.has(title)) fail('invalid_argument', `two files would have the name ${title}`)
    titles.add(title)
    attached.push(await attachedFile(file, title, call))
  }
  const more = annotations && Object.keys(annotations).length > 0 ? { annotations } : {}
  return { artifactType, files: attached, ...more }
}

/** The file's digest first, so that what the other side has already is not sent. */
async function attachedFile({ path, mediaType }: ArtifactFile, title: string, call?: Call): Promise<AttachedFile> {
  try {
    if (!(await stat(path)).isFile())
      fail('invalid_argument', `${path} is not a regular file`, { hint: 'make a tar of a directory first' })
    const measured = hashing(contents(path, call))
    for await (const _ of measured.stream);
    const { digest, size } = measured.result()
    const annotations = { [Annotation.title]: title }
    return {
      descriptor: { mediaType: mediaType ?? MediaType.ociLayer, digest, size, annotations },
      open: () => contents(path, call),
    }
  } catch (error) {
    throw diskError(error, 'read', path)
  }
}

async function* contents(path: string, call?: Call): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as ByteStream) {
    checkCanceled(call)
    yield chunk
  }
}

/** What the file is called where it is unpacked: never outside the directory. */
function titleOf(path: string): string {
  return isAbsolute(path) || path.split('/').includes('..') ? basename(path) : safePath(path)
}
