import { closeSync, mkdirSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { randomUUID } from 'node:crypto'
import { checkCanceled, fail, type Call } from '#base'
import { safePath } from '#codec'
import { readDocument, type ContentProvider } from '#content'
import { chooseImage } from '#image'
import { Annotation, isManifest, parseManifest, parsePlatform, type Descriptor } from '#oci'
import { discover as discoverAt } from '#registry/client'
import { isErrno, mkdirAt, O, openIn, openPath, renameAt, unlinkAt } from '#sys'
import type { Parts } from '../parts.ts'
import { openSource } from '../transport/open.ts'
import type { ArtifactPulled, DiscoveredImage, DiscoverRequest } from './types.ts'

/** The tree of what refers to an image, each confirmed by its own manifest. */
export async function discover(
  parts: Parts,
  name: string,
  request: DiscoverRequest = {},
  call?: Call,
): Promise<DiscoveredImage> {
  const { insecure, platform, artifactType, depth } = request
  await using source = await openSource(parts, name, { plain: 'registry', ...(insecure ? { insecure } : {}) }, call)
  const { root, from } = await source.find({}, call)
  const subject = platform === undefined ? root : await chooseImage(from, root, parsePlatform(platform), call)
  const options = { ...(artifactType === undefined ? {} : { artifactType }), ...(depth === undefined ? {} : { depth }) }
  return { subject, referrers: await discoverAt(from, subject, { ...call, ...options }) }
}

/** Writes the files of an artifact, which are its blobs with a title. */
export async function pull(
  parts: Parts,
  name: string,
  { directory, insecure }: { readonly directory: string; readonly insecure?: boolean },
  call?: Call,
): Promise<ArtifactPulled> {
  await using source = await openSource(parts, name, { plain: 'registry', ...(insecure ? { insecure } : {}) }, call)
  const { root, from } = await source.find({}, call)
  if (!isManifest(root.mediaType)) fail('invalid_argument', `${name} is an index: name one of its manifests by digest`)
  const { layers } = parseManifest(await readDocument(from, root, call), root.mediaType)
  const named = layers.flatMap((layer) => {
    const title = layer.annotations?.[Annotation.title]
    return title === undefined ? [] : [{ layer, path: safePath(title) }]
  })
  mkdirSync(directory, { recursive: true })
  const fd = openPath(directory, O.PATH | O.DIRECTORY)
  try {
    for (const { layer, path } of named) await writeFile(fd, path, layer, from, call)
  } finally {
    closeSync(fd)
  }
  return { root, files: named.map(({ path }) => path), unnamed: layers.length - named.length }
}

/** The kernel keeps the path below the directory, and follows no link there. */
async function writeFile(
  directory: number,
  path: string,
  layer: Descriptor,
  from: ContentProvider,
  call?: Call,
): Promise<void> {
  if (path === '') fail('invalid_argument', `${layer.digest} has no file name`)
  const parent = makeParents(directory, dirname(path))
  const name = path.slice(path.lastIndexOf('/') + 1)
  const temporary = `.cairn-${randomUUID()}`
  try {
    const fd = openIn(parent, temporary, O.WRONLY | O.CREAT | O.EXCL, { mode: 0o644, ...INSIDE })
    try {
      for await (const chunk of await from.open(layer, call)) {
        checkCanceled(call)
        for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
      }
    } finally {
      closeSync(fd)
    }
    renameAt(parent, temporary, parent, name)
  } catch (error) {
    remove(parent, temporary)
    throw error
  } finally {
    closeSync(parent)
  }
}

const INSIDE = { scope: 'beneath', noSymlinks: true } as const

function makeParents(directory: number, path: string): number {
  let at = openIn(directory, '.', O.PATH | O.DIRECTORY, INSIDE)
  for (const part of path === '.' ? [] : path.split('/')) {
    const above = at
    try {
      mkdirQuietly(above, part)
      at = openIn(above, part, O.PATH | O.DIRECTORY, INSIDE)
    } finally {
      closeSync(above)
    }
  }
  return at
}

function mkdirQuietly(directory: number, name: string): void {
  try {
    mkdirAt(directory, name, 0o755)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
}

function remove(directory: number, name: string): void {
  try {
    unlinkAt(directory, name)
  } catch {
    // It was never made, or is renamed already.
  }
}
