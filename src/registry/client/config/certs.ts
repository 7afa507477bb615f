import type { RegistryHost } from '../types.ts'
import { configHome } from './confighome.ts'

/** What a registry's directory of certificates holds, as PEM. */
export interface Certificates {
  /** CAs to trust besides the system's. */
  readonly ca: readonly string[]
  /** For registries that want a client's certificate. */
  readonly client?: { readonly cert: string; readonly key: string }
}

/**
 * `certs.d/HOST[:PORT]` of Docker and containers: `*.crt` are CAs, `NAME.cert` with `NAME.key` a client's
 * certificate. The first directory that has any wins.
 */
export async function readCertificates(host: RegistryHost, registry: string): Promise<Certificates> {
  for (const directory of certificateDirectories(host, registry)) {
    const names = [...(await host.listDirectory(directory))].sort()
    const ca: string[] = []
    for (const name of names.filter((n) => n.endsWith('.crt')))
      ca.push((await host.readFile(`${directory}/${name}`)) ?? '')
    const cert = names.find((n) => n.endsWith('.cert') && names.includes(keyOf(n)))
    if (cert === undefined && ca.length === 0) continue
    if (cert === undefined) return { ca }
    const [certPem, keyPem] = await Promise.all([
      host.readFile(`${directory}/${cert}`),
      host.readFile(`${directory}/${keyOf(cert)}`),
    ])
    return { ca, client: { cert: certPem ?? '', key: keyPem ?? '' } }
  }
  return { ca: [] }
}

function keyOf(cert: string): string {
  return `${cert.slice(0, -'.cert'.length)}.key`
}

function certificateDirectories(host: RegistryHost, registry: string): readonly string[] {
  // The name becomes a part of a path.
  if (!/^[A-Za-z0-9.:[\]_-]+$/.test(registry) || /^\.+$/.test(registry)) return []
  const own = configHome(host)
  return [
    `${own}/containers/certs.d/${registry}`,
    `${own}/docker/certs.d/${registry}`,
    `/etc/containers/certs.d/${registry}`,
    `/etc/docker/certs.d/${registry}`,
  ]
}
