import { gunzipSync, gzipSync } from 'node:zlib'
import { collect, concat, utf8 } from '#base'
import { writeTar } from '#codec'
import { MediaType } from '#oci'
import { digestOf, putBlob } from './blobs.ts'
import type { Served } from './registries.ts'

interface Manifest {
  readonly config: { readonly digest: string; readonly size: number }
  readonly layers: readonly { readonly digest: string; readonly size: number }[]
}

/** The name of the image for a round. Each round's has layers that nobody has met, in that round or before. */
export type FreshImages = (round: number) => Promise<string>

/**
 * Images like one that is served, with an empty file more at the beginning of each layer: no engine finds a layer of
 * the last round, nor one that it has under another name.
 */
export function freshImages({ host }: Served, image: string): FreshImages {
  const made = new Map<number, Promise<string>>()
  return (round) => {
    const known = made.get(round) ?? make(host, image, round)
    made.set(round, known)
    return known
  }
}

async function make(host: string, image: string, round: number): Promise<string> {
  const repository = `fresh/${image}`
  const get = async (what: string): Promise<Uint8Array> => {
    const answer = await fetch(`http://${host}/v2/${image}/${what}`, { headers: { accept: MediaType.ociManifest } })
    if (!answer.ok) throw new Error(`${host} answers ${answer.status} for ${image}'s ${what}`)
    return answer.bytes()
  }
  const json = async (what: string): Promise<object> => JSON.parse(new TextDecoder().decode(await get(what))) as object
  const manifest = (await json('manifests/latest')) as Manifest
  const config = (await json(`blobs/${manifest.config.digest}`)) as { readonly rootfs: object }
  const layers: object[] = []
  const diffIds: string[] = []
  for (const layer of manifest.layers) {
    const head = await emptyFile(`fresh-${process.pid}-${round}`)
    const blob = concat([gzipSync(head), await get(`blobs/${layer.digest}`)])
    layers.push({ ...layer, size: blob.length, digest: await putBlob(host, repository, blob) })
    diffIds.push(digestOf(gunzipSync(blob)))
  }
  const bytes = utf8(JSON.stringify({ ...config, rootfs: { ...config.rootfs, diff_ids: diffIds } }))
  const fresh = {
    ...manifest,
    config: { ...manifest.config, size: bytes.length, digest: await putBlob(host, repository, bytes) },
    layers,
  }
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${round}`, {
    method: 'PUT',
    headers: { 'content-type': MediaType.ociManifest },
    body: JSON.stringify(fresh),
  })
  if (answer.status !== 201) throw new Error(`${host} answers ${answer.status} to a manifest`)
  return `${repository}:${round}`
}

const BLOCK = 512

/** A tar's first member: what follows may be a tar of its own. */
async function emptyFile(path: string): Promise<Uint8Array> {
  const entry = { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: 0 } as const
  return (await collect(writeTar([{ entry }]), 1 << 20)).subarray(0, BLOCK)
}
