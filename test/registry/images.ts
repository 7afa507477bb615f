import { utf8 } from '#base'
import { digestOf, MediaType } from '#oci'

/** An image as its parts, for tests that push by hand. */
export interface MadeImage {
  readonly blobs: readonly { readonly digest: string; readonly bytes: Uint8Array }[]
  readonly manifest: Uint8Array
  readonly digest: string
}

/** A small image of its own, told apart by `seed`. */
export async function makeImage(seed: string, layers = 2): Promise<MadeImage> {
  const parts = [utf8(JSON.stringify({ architecture: 'amd64', os: 'linux', seed }))]
  for (let i = 0; i < layers; i++) parts.push(utf8(`layer ${i} of ${seed}`))
  const blobs = await Promise.all(parts.map(async (bytes) => ({ digest: await digestOf(bytes), bytes })))
  const [config, ...rest] = blobs.map(({ digest, bytes }, i) => ({
    mediaType: i === 0 ? MediaType.ociConfig : MediaType.ociLayer,
    digest,
    size: bytes.length,
  }))
  const manifest = utf8(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: rest }))
  return { blobs, manifest, digest: await digestOf(manifest) }
}

/** Pushes as a client does: asks for each blob, sends what is missing, then the manifest. Answers with the last status. */
export async function pushImage(
  url: string,
  repository: string,
  reference: string,
  image: MadeImage,
  headers: Record<string, string> = {},
): Promise<number> {
  for (const { digest, bytes } of image.blobs) {
    const head = await fetch(`${url}/v2/${repository}/blobs/${digest}`, { method: 'HEAD', headers })
    if (head.status === 200) continue
    const target = `${url}/v2/${repository}/blobs/uploads/?digest=${digest}`
    const pushed = await fetch(target, { method: 'POST', body: bytes as Uint8Array<ArrayBuffer>, headers })
    if (pushed.status !== 201) return pushed.status
  }
  return (await putManifest(url, repository, reference, image.manifest, headers)).status
}

export function putManifest(
  url: string,
  repository: string,
  reference: string,
  manifest: Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/v2/${repository}/manifests/${reference}`, {
    method: 'PUT',
    body: manifest as Uint8Array<ArrayBuffer>,
    headers: { 'content-type': MediaType.ociManifest, ...headers },
  })
}

/** Pulls by reference; true when everything came, every byte as its digest says. */
export async function pullImage(
  url: string,
  repository: string,
  reference: string,
  headers: Record<string, string> = {},
): Promise<boolean> {
  const got = await fetch(`${url}/v2/${repository}/manifests/${reference}`, { headers })
  if (got.status !== 200) return false
  const bytes = await got.bytes()
  if (reference.includes(':') && (await digestOf(bytes)) !== reference) return false
  const { config, layers } = JSON.parse(new TextDecoder().decode(bytes))
  for (const { digest } of [config, ...layers]) {
    const blob = await fetch(`${url}/v2/${repository}/blobs/${digest}`, { headers })
    if (blob.status !== 200 || (await digestOf(await blob.bytes())) !== digest) return false
  }
  return true
}
