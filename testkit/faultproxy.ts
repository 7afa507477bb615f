import { createServer, request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** What a proxy sees of a request before it decides. */
export interface ProxiedRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** How many requests with this method and path came before: 0 for the first. */
  readonly earlier: number
}

/** What goes wrong with one request. Bytes are counted, never time. */
export type Fault =
  /** Answers by itself; the upstream never hears of it. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers?: Record<string, string>
      readonly body?: string | Uint8Array
    }
  /** Closes the connection before any answer. */
  | { readonly kind: 'hangUp' }
  /** Passes that many bytes of the answer's body on, then closes the connection. */
  | { readonly kind: 'cutAnswer'; readonly after: number }
  /** Passes that many bytes of the answer's body on, then nothing more, for as long as the client stays. */
  | { readonly kind: 'stall'; readonly after: number }
  /** Passes that many bytes of the request's body on, then closes both connections. */
  | { readonly kind: 'cutUpload'; readonly after: number }
  /** Ends the body after so many bytes as if that were all. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** Changes the answer. */
  | {
      readonly kind: 'rewrite'
      readonly status?: number
      readonly headers?: (headers: Record<string, string>) => Record<string, string>
      readonly body?: (body: Uint8Array) => Uint8Array
    }

export interface FaultProxy extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Every request so far: `GET /v2/`. */
  readonly requests: readonly ProxiedRequest[]
}

/** A proxy before an HTTP server that does, request by request, what `decide` says; undefined passes it on whole. */
export async function faultProxy(
  upstream: { readonly host: string },
  decide: (request: ProxiedRequest) => Fault | undefined,
): Promise<FaultProxy> {
  const requests: ProxiedRequest[] = []
  const [hostname = '', port = ''] = upstream.host.split(':')
  const server = createServer((req, res) => {
    const method = req.method ?? 'GET'
    const path = req.url ?? '/'
    const earlier = requests.filter((r) => r.method === method && r.path === path).length
    const seen = { method, path, headers: req.headers, earlier }
    requests.push(seen)
    const fault = decide(seen)
    // A connection that a test cuts is no error of the proxy.
    exchange(req, res, { hostname, port: Number(port) }, fault).catch(() => req.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    host: `127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function exchange(
  req: IncomingMessage,
  res: ServerResponse,
  upstream: { readonly hostname: string; readonly port: number },
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === 'hangUp') return void req.socket.destroy()
  if (fault?.kind === 'answer') {
    req.resume()
    res.writeHead(fault.status, fault.headers ?? {})
    res.end(fault.body)
    return
  }
  const answer = await forward(req, upstream, fault?.kind === 'cutUpload' ? fault.after : undefined)
  if (!answer) return void req.socket.destroy()
  const headers = flat(answer.headers)
  if (fault?.kind === 'rewrite') return rewritten(res, answer, headers, fault)
  if (fault?.kind === 'truncate') delete headers['content-length']
  res.writeHead(answer.statusCode ?? 502, headers)
  let left = fault && 'after' in fault && fault.kind !== 'cutUpload' ? fault.after : Number.POSITIVE_INFINITY
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    await write(res, chunk.subarray(0, left))
    left -= chunk.length
    if (left > 0) continue
    answer.destroy()
    if (fault?.kind === 'stall') return
    if (fault?.kind === 'truncate') break
    return void req.socket.destroy()
  }
  res.end()
}

/** Sends the request on; undefined when it was cut in the middle of its body. */
function forward(
  req: IncomingMessage,
  upstream: { readonly hostname: string; readonly port: number },
  cutAfter: number | undefined,
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      ...upstream,
      method: req.method ?? 'GET',
      path: req.url ?? '/',
      headers: { ...req.headers, connection: 'close' },
      agent: false,
    })
    sent.on('response', resolve)
    sent.on('error', reject)
    const pump = async (): Promise<void> => {
      let left = cutAfter ?? Number.POSITIVE_INFINITY
      for await (const chunk of req as AsyncIterable<Uint8Array>) {
        const part = chunk.subarray(0, left)
        left -= chunk.length
        await new Promise<void>((done, failed) => sent.write(part, (error) => (error ? failed(error) : done())))
        if (left > 0) continue
        sent.destroy()
        resolve(undefined)
        return
      }
      sent.end()
    }
    pump().catch(reject)
  })
}

async function rewritten(
  res: ServerResponse,
  answer: IncomingMessage,
  headers: Record<string, string>,
  fault: Fault & { kind: 'rewrite' },
): Promise<void> {
  const parts: Uint8Array[] = []
  for await (const chunk of answer as AsyncIterable<Uint8Array>) parts.push(chunk)
  let body: Uint8Array = Buffer.concat(parts)
  if (fault.body) {
    body = fault.body(body)
    headers['content-length'] = String(body.length)
  }
  res.writeHead(fault.status ?? answer.statusCode ?? 502, fault.headers?.(headers) ?? headers)
  res.end(body)
}

function write(res: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    res.write(chunk, (error) => (error ? reject(error) : resolve()))
  })
}

function flat(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name !== 'connection' && name !== 'transfer-encoding')
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )
}
