import { collect, fail, isCode, messageOf, text, type ByteStream, type Call } from '#base'
import { familiarName, formatReference, parseReference, withDefaultTag } from '#oci'
import { fetchTransport } from '#registry/client'
import type { Parts } from '../parts.ts'
import { sent, streamedSource } from './archive.ts'
import { openDaemonHost, type DaemonHost } from './daemonhost.ts'
import type { Destination, Source } from './types.ts'

/** Bytes of what a daemon says. */
const ANSWER_LIMIT = 1 << 20

/** An image that a Docker daemon has; it is spooled, since a daemon's tar is read once. */
export async function daemonSource(parts: Parts, name: string, ref: string, call?: Call): Promise<Source> {
  const wanted = dockerName(ref)
  await using daemon = await openDaemonHost()
  const answer = await ask(daemon, 'GET', `/images/${encodeURI(wanted)}/get`, undefined, call)
  if (!answer.ok) await refuse(answer, `docker has no image ${ref}`)
  const stream = answer.body as unknown as ByteStream
  const source = await streamedSource(parts, name, { stream, name }, undefined, call)
  return wanted === ref && isId(ref)
    ? source
    : { ...source, image: formatReference(withDefaultTag(parseReference(ref))) }
}

/** The Docker daemon that docker's command line would ask, which loads what it is sent. */
export async function daemonDestination(name: string, ref: string): Promise<Destination> {
  const full = formatReference(withDefaultTag(parseReference(ref)))
  return {
    name,
    single: true,
    whole: true,
    receive: (image, options) => sent({ name, single: true, ref: full }, image, options, (tar) => load(tar, options)),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function load(tar: ByteStream, call?: Call): Promise<void> {
  await using daemon = await openDaemonHost()
  const answer = await ask(daemon, 'POST', '/images/load?quiet=1', tar, call)
  if (!answer.ok) await refuse(answer, 'docker does not load the image')
  // A failure after the first byte comes as one of the JSON lines of a 200.
  const said = text(await collect(answer.body as unknown as ByteStream, ANSWER_LIMIT))
  const error = /"error"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(said)?.[1]
  if (error !== undefined) fail('unavailable', `docker does not load the image: ${String(JSON.parse(error))}`)
}

async function ask(
  { base, unix, tls, name }: DaemonHost,
  method: 'GET' | 'POST',
  path: string,
  body?: ByteStream,
  call?: Call,
): Promise<Response> {
  // A daemon that writes gigabytes to a slow disk says nothing meanwhile.
  const send = fetchTransport({
    init: () => ({ timeout: false, ...(unix ? { unix } : {}), ...(tls ? { tls } : {}) }),
  })
  const headers = { 'content-type': 'application/x-tar' }
  try {
    return await send({ method, url: `${base}${path}`, signal: call?.signal, ...(body ? { body, headers } : {}) })
  } catch (cause) {
    if (isCode(cause, 'canceled')) throw cause
    return fail('unavailable', `cannot reach the Docker daemon at ${name}: ${messageOf(cause)}`, {
      cause,
      hint: 'is it running? DOCKER_HOST says where it is',
    })
  }
}

async function refuse(answer: Response, what: string): Promise<never> {
  const said = text(await collect(answer.body as unknown as ByteStream, ANSWER_LIMIT)).trim()
  const message = /^\{"message":("(?:[^"\\]|\\.)*")/.exec(said)?.[1]
  const why = (message === undefined ? said : String(JSON.parse(message))).slice(0, 300) || `status ${answer.status}`
  return fail(answer.status === 404 ? 'not_found' : 'unavailable', `${what}: ${why}`)
}

/** As the daemon wants it in a path: an ID as it is, else the familiar name. */
function dockerName(ref: string): string {
  return isId(ref) ? ref : familiarName(withDefaultTag(parseReference(ref)))
}

function isId(ref: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{64}$/.test(ref)
}
