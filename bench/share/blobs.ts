import { createHash } from 'node:crypto'

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Begins an upload into a repository; where its bytes go. */
export async function finalPut(host: string, repository: string, digest: string): Promise<string> {
  const begun = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
  const url = new URL(begun.headers.get('location') ?? '', `http://${host}`)
  url.searchParams.set('digest', digest)
  return url.href
}

/** Puts a blob into a repository; its digest. */
export async function putBlob(host: string, repository: string, bytes: Uint8Array): Promise<string> {
  const digest = digestOf(bytes)
  const url = await finalPut(host, repository, digest)
  const answer = await fetch(url, { method: 'PUT', body: bytes as Uint8Array<ArrayBuffer> })
  if (answer.status !== 201) throw new Error(`${host} answers ${answer.status} to a blob`)
  return digest
}
