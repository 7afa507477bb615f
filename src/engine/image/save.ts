import type { ByteStream, Call } from '#base'
import { acquireLease, unionProvider, type ArchivedImage, type ContentProvider } from '#content'
import { chooseImage, saveImages } from '#image'
import { parsePlatform, type Digest } from '#oci'
import { withoutLost } from '../pack/lost.ts'
import type { Parts } from '../parts.ts'
import { hasTransport } from '../transport/location.ts'
import { imageContent } from './content.ts'
import { locate } from './find.ts'

export interface SaveRequest {
  /** Of indexes, the image for this platform alone. */
  readonly platform?: string
}

/** One archive of several images, readable as docker-archive and as OCI layout; they may come from anywhere. */
export async function save(
  parts: Parts,
  refs: readonly string[],
  { platform }: SaveRequest = {},
  call?: Call,
): Promise<ByteStream> {
  const stack = new AsyncDisposableStack()
  try {
    const providers: ContentProvider[] = [await imageContent(parts)]
    const lease = stack.use(acquireLease(parts.db, `save ${refs.join(' ')}`))
    const images = new Map<Digest, ArchivedImage & { names: string[] }>()
    for (const ref of refs) {
      const found = await find(parts, ref, stack, call)
      if (found.content) providers.push(found.content)
      const content = unionProvider(...providers)
      const wanted = platform === undefined ? undefined : parsePlatform(platform)
      const chosen = wanted ? await chooseImage(content, found.root, wanted, call) : found.root
      lease.add(chosen.digest)
      const { root, content: packed } = found.content
        ? { root: chosen, content }
        : await withoutLost(parts, chosen, { content, lease }, call)
      providers.push(packed)
      const image = images.get(root.digest) ?? { root, names: [] }
      if (found.name !== undefined && !image.names.includes(found.name)) image.names.push(found.name)
      images.set(root.digest, image)
    }
    return closing(await saveImages([...images.values()], unionProvider(...providers), {}, call), stack)
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function find(
  parts: Parts,
  ref: string,
  stack: AsyncDisposableStack,
  call?: Call,
): Promise<Pick<ArchivedImage, 'root'> & { readonly name?: string; readonly content?: ContentProvider }> {
  if (!hasTransport(ref)) return locate(parts, ref, call)
  const { openSource } = await import('../transport/open.ts')
  const source = stack.use(await openSource(parts, ref, {}, call))
  const { root, from } = await source.find({ whole: true }, call)
  return { root, content: from, ...(source.image === undefined ? {} : { name: source.image }) }
}

/** The places that images are read from stay open until the archive is written. */
async function* closing(bytes: ByteStream, stack: AsyncDisposableStack): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* bytes
  } finally {
    await stack.disposeAsync()
  }
}
