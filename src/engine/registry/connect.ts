import { fail } from '#base'
import { fetchTransport, readCertificates } from '#registry/client'
import type { Certificates, Endpoint, RegistryHost, Transport } from '#registry/client'

export interface ConnectOptions {
  /** Certificates given by hand (`--cert-dir`); default: the machine's `certs.d` directories. */
  readonly certificates?: (host: string) => Promise<Certificates>
  /** Dial this Unix socket instead of the host's address. */
  readonly socket?: string
  /** Default: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, which fetch reads itself. */
  readonly proxy?: string
}

/**
 * How the engine reaches registries, over Bun's fetch: each host with its own CAs and client certificate,
 * bytes as they are. A peer that falls silent is given up after Bun's 300 s. What is trusted for one host is for that one alone.
 */
export function machineConnect(host: RegistryHost, options: ConnectOptions = {}): (endpoint: Endpoint) => Transport {
  const read = options.certificates ?? ((name: string) => readCertificates(host, name))
  const known = new Map<string, Promise<Certificates>>()
  const certificatesOf = (name: string): Promise<Certificates> => {
    const found = known.get(name) ?? read(name)
    known.set(name, found)
    return found
  }
  return (endpoint) => async (request) => {
    const { host: name, protocol } = new URL(request.url)
    const certificates = protocol === 'https:' ? await certificatesOf(name) : { ca: [] }
    const tls = tlsOptions(certificates, endpoint.insecure && name === endpoint.host)
    return fetchTransport({
      init: () => ({
        decompress: false,
        ...(tls ? { tls } : {}),
        ...(options.socket ? { unix: options.socket } : {}),
        ...(options.proxy ? { proxy: options.proxy } : {}),
      }),
    })(request)
  }
}

function tlsOptions({ ca, client }: Certificates, trusting: boolean): object | undefined {
  if (ca.length === 0 && !client && !trusting) return undefined
  if (client && (client.cert === '' || client.key === ''))
    fail('invalid_argument', 'a client certificate is empty or has no key')
  return {
    ...(ca.length > 0 ? { ca: [...ca] } : {}),
    ...(client ? { cert: client.cert, key: client.key } : {}),
    ...(trusting ? { rejectUnauthorized: false } : {}),
  }
}
