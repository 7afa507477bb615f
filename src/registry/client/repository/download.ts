import { CairnError, fail, isCode } from '#base'
import type { ByteStream, Call } from '#base'
import { verified } from '#codec'
import type { OpenOptions } from '#content'
import type { Descriptor, Digest } from '#oci'
import { bodyOf, contentLength, discard } from '../transport/body.ts'
import { backOff } from '../transport/retry.ts'
import { blobPath, pullScope } from './place.ts'
import type { Place } from './place.ts'

/** Bytes after which a broken transfer counts as having got on: its attempts start anew. */
const PROGRESS = 1 << 20

/** What is answered to HEAD where only GET is known, or where HEAD is redirected to an address that is signed for GET. */
const NO_HEAD: readonly number[] = [400, 403, 405, 501]

/** True when the registry has the blob. */
export async function hasBlob(place: Place, digest: Digest, call?: Call): Promise<boolean> {
  return (await askForBlob(place, digest, call)) !== undefined
}

/** Bytes of a blob as the registry says; undefined when it lacks the blob, or does not say. */
export async function blobSize(place: Place, digest: Digest, call?: Call): Promise<number | undefined> {
  return (await askForBlob(place, digest, call))?.size
}

async function askForBlob(place: Place, digest: Digest, call?: Call): Promise<{ readonly size?: number } | undefined> {
  const asked = { path: blobPath(place, digest), scope: pullScope(place) }
  const head = await place.registry.ask({ method: 'HEAD', ...asked }, [200, 404, ...NO_HEAD], call)
  await discard(head)
  if (head.status === 404) return undefined
  if (head.status === 200) return sized(contentLength(head))
  // Its first byte; the body is let go of, also where ranges are unknown and the whole comes. Empty blobs have none: 416.
  const get = { method: 'GET', headers: { range: 'bytes=0-0' }, ...asked } as const
  const response = await place.registry.ask(get, [200, 206, 404, 416], call)
  await discard(response)
  if (response.status === 404) return undefined
  if (response.status === 200) return sized(contentLength(response))
  const total = /\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '')
  return sized(total ? Number(total[1]) : undefined)
}

function sized(size: number | undefined): { readonly size?: number } {
  return size === undefined ? {} : { size }
}

/**
 * The blob's bytes from `offset` on. A connection that breaks is taken up where it broke; the whole is
 * verified when it starts at 0, unless whoever asks does that.
 */
export async function openBlob(place: Place, d: Descriptor, call: Call & OpenOptions = {}): Promise<ByteStream> {
  const offset = call.offset ?? 0
  const path = blobPath(place, d.digest)
  if (offset > d.size) fail('invalid_argument', `${d.digest} has ${d.size} bytes; none at ${offset}`)
  if (offset === d.size && offset > 0) {
    if (await hasBlob(place, d.digest, call)) return nothing()
    fail('not_found', `${d.digest} is not in ${place.registry.host}/${place.path}`)
  }
  const ask = (at: number): Promise<Part> => requestPart(place, path, d, at, call)
  return transfer(place, d, offset, await ask(offset), ask, call)
}

/** The bytes of a layer that lives at addresses of its own; nobody's credentials go there. */
export async function openForeign(
  place: Place,
  d: Descriptor,
  url: string,
  call: Call & OpenOptions = {},
): Promise<ByteStream> {
  const ask = async (at: number): Promise<Part> => {
    const response = await place.registry.outside({ method: 'GET', url, headers: rangeHeader(at) }, call)
    if (response.status !== 200 && response.status !== 206) {
      await discard(response)
      fail('not_found', `${new URL(url).host} answers ${response.status} for the layer ${d.digest}`)
    }
    return checkedPart(d, at, response)
  }
  return transfer(place, d, 0, await ask(0), ask, call)
}

/** An answer, and how many of its first bytes are already there (the registry knows no ranges). */
interface Part {
  readonly response: Response
  readonly skip: number
}

async function requestPart(place: Place, path: string, d: Descriptor, at: number, call: Call): Promise<Part> {
  const request = { method: 'GET', path, headers: rangeHeader(at), scope: pullScope(place) } as const
  const response = await place.registry.ask(request, at > 0 ? [200, 206, 416] : [200], call)
  return checkedPart(d, at, response)
}

function rangeHeader(at: number): Record<string, string> {
  return at > 0 ? { range: `bytes=${at}-` } : {}
}

async function checkedPart(d: Descriptor, at: number, response: Response): Promise<Part> {
  const problem = partProblem(d, at, response)
  if (problem === undefined) return { response, skip: response.status === 206 ? 0 : at }
  await discard(response)
  return fail('data_loss', problem)
}

function partProblem(d: Descriptor, at: number, response: Response): string | undefined {
  if (response.status === 416) return `${d.digest} has less than the ${d.size} bytes that it should have`
  if (response.status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
    if (!range || Number(range[1]) !== at) return `the registry sent another part of ${d.digest} than was asked for`
    return range[3] === '*' || Number(range[3]) === d.size ? undefined : wrongLength(d, Number(range[3]))
  }
  const length = contentLength(response)
  return length === undefined || length === d.size ? undefined : wrongLength(d, length)
}

function wrongLength(d: Descriptor, length: number): string {
  return `${d.digest} has ${length} bytes in the registry, not the ${d.size} of its descriptor`
}

/** Joins the parts of a transfer; the first has been asked for already, and is let go of if nobody reads. */
function transfer(
  place: Place,
  d: Descriptor,
  offset: number,
  first: Part,
  ask: (at: number) => Promise<Part>,
  call: Call & OpenOptions,
): ByteStream {
  const joined = parts(place, d, offset, first, ask, call)
  const checked = offset === 0 && call.verify !== false ? verified(joined, d) : joined
  const bytes = checked[Symbol.asyncIterator]()
  let started = false
  const iterator: AsyncIterator<Uint8Array, void> = {
    next() {
      started = true
      return bytes.next()
    },
    async return() {
      if (!started) await discard(first.response)
      started = true
      await bytes.return?.()
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

async function* parts(
  place: Place,
  d: Descriptor,
  offset: number,
  first: Part,
  ask: (at: number) => Promise<Part>,
  call: Call,
): AsyncGenerator<Uint8Array, void, void> {
  let at = offset
  let since = offset
  let failures = 0
  for (let part = first; ; part = await ask(at)) {
    let broken: CairnError | undefined
    try {
      let { skip } = part
      for await (const chunk of bodyOf(part.response)) {
        const rest = skip >= chunk.length ? undefined : chunk.subarray(skip)
        skip -= Math.min(skip, chunk.length)
        if (rest === undefined) continue
        if (at + rest.length > d.size)
          fail('data_loss', `the registry sends more than the ${d.size} bytes of ${d.digest}`)
        at += rest.length
        yield rest
      }
    } catch (error) {
      if (!isCode(error, 'unavailable')) throw error
      broken = error
    }
    if (at === d.size && !broken) return
    if (at - since >= PROGRESS) failures = 0
    since = at
    if (at === d.size || ++failures > place.resumes)
      throw broken ?? new CairnError('unavailable', `${d.digest} ended after ${at} of ${d.size} bytes, again and again`)
    await backOff(failures, place.retry, call.signal)
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}
