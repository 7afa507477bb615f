import { fail } from '#base'
import { isDigest, parseReference, type Reference } from '#oci'

/** A name as its transport and what that needs. */
export type Location =
  | { readonly kind: 'registry'; readonly reference: Reference }
  | { readonly kind: 'oci' | 'oci-archive' | 'docker-archive'; readonly path: string; readonly ref?: string }
  | { readonly kind: 'docker-daemon' | 'containers-storage' | 'store'; readonly ref: string }
  /** `address` is `ssh://[user@]host[:port]`. */
  | { readonly kind: 'ssh'; readonly address: string; readonly ref: string }

/** What a name without a transport is: docker's `manifest` means a registry, everything else the local store. */
export type Plain = 'store' | 'registry'

/**
 * Reads a name with skopeo's transports: `docker://NAME`, `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`,
 * `docker-archive:FILE[:REF]`, `docker-daemon:NAME`, `containers-storage:NAME`, and Cairn's own `ssh://HOST/NAME` and
 * `store://NAME`. REF is a tag, a whole name, `@DIGEST` or `@N`, the Nth from 0. An image whose name begins like a
 * transport is written in full: `docker.io/library/oci:v1`.
 */
export function parseLocation(text: string, plain: Plain = 'store'): Location {
  const [, transport, rest = ''] = TRANSPORT.exec(text) ?? []
  switch (transport) {
    case 'docker://':
      return { kind: 'registry', reference: parseReference(rest) }
    case 'store://':
      return named('store', rest, text)
    case 'ssh://':
      return remote(text)
    case 'oci:':
    case 'oci-archive:':
    case 'docker-archive:':
      return file(transport.slice(0, -1) as 'oci', rest, text)
    case 'docker-daemon:':
    case 'containers-storage:':
      return named(transport.slice(0, -1) as 'docker-daemon', rest, text)
    default:
      if (/^[a-z][a-z0-9+.-]*:\/\//.test(text))
        fail('invalid_argument', `no such transport: ${JSON.stringify(text.slice(0, 200))}`, {
          hint: `known are ${TRANSPORTS.join(', ')}; a name alone is ${plain === 'store' ? 'an image here' : 'an image in its registry'}`,
        })
      return plain === 'store' ? { kind: 'store', ref: text } : { kind: 'registry', reference: parseReference(text) }
  }
}

/** True for a name that says its transport. */
export function hasTransport(text: string): boolean {
  return TRANSPORT.test(text)
}

const TRANSPORTS = [
  'docker://',
  'oci:',
  'oci-archive:',
  'docker-archive:',
  'docker-daemon:',
  'containers-storage:',
  'ssh://',
  'store://',
]
const TRANSPORT = new RegExp(`^(${TRANSPORTS.join('|')})(.*)$`, 's')

function named(kind: 'store' | 'docker-daemon' | 'containers-storage', ref: string, text: string): Location {
  return ref === '' ? lacksName(text) : { kind, ref }
}

/** A path has no colon, as everywhere else that reads these. */
function file(kind: 'oci' | 'oci-archive' | 'docker-archive', rest: string, text: string): Location {
  const [, path = '', at, ref] = /^([^:]*?)(?:@([a-z0-9]+:[0-9a-f]+)|:(.*))?$/s.exec(rest) ?? []
  if (path === '' || path.includes('\0')) fail('invalid_argument', `${JSON.stringify(text)} names no path`)
  if (at !== undefined && !isDigest(at)) fail('invalid_argument', `not a digest: ${at}`)
  const name = at ?? (ref?.startsWith('@') && isDigest(ref.slice(1)) ? ref.slice(1) : ref)
  return { kind, path, ...(name ? { ref: name } : {}) }
}

function remote(text: string): Location {
  const [, address, ref] = /^(ssh:\/\/[^/]+)\/(.+)$/s.exec(text) ?? []
  return address === undefined || ref === undefined ? lacksName(text) : { kind: 'ssh', address, ref }
}

function lacksName(text: string): never {
  return fail('invalid_argument', `${JSON.stringify(text)} names no image`)
}
