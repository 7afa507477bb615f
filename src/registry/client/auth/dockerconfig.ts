import { fail, utf8 } from '#base'
import { asObject, parseObject } from '#oci'
import type { JsonObject } from '#oci'
import type { Credential } from '../types.ts'
import { base64, fromBase64 } from './basic.ts'

/** Docker Hub's key in Docker's files, for historical reasons a URL. */
const HUB_KEY = 'https://index.docker.io/v1/'
const HUB_NAMES = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])

/** `~/.docker/config.json` or podman's `auth.json`: what concerns credentials. */
export interface AuthFile {
  /** By key as written: a host, a URL, or (podman) `host/namespace`. */
  readonly auths: Readonly<Record<string, Credential>>
  /** Helper for everything. */
  readonly credsStore?: string
  /** Helpers by host. */
  readonly credHelpers: Readonly<Record<string, string>>
}

/** Reads the file's text; `what` names it in errors. Entries that hold nothing (left by a helper) are left out. */
export function parseAuthFile(text: string, what: string): AuthFile {
  const object = parseObject(utf8(text), what)
  const auths: [string, Credential][] = []
  for (const [key, value] of Object.entries(asObject(object.auths ?? {}, `${what}: auths`))) {
    const credential = credentialOf(asObject(value ?? {}, `${what}: auths[${JSON.stringify(key)}]`), key, what)
    if (credential) auths.push([key, credential])
  }
  const helpers = Object.entries(asObject(object.credHelpers ?? {}, `${what}: credHelpers`))
  const { credsStore } = object
  return {
    auths: Object.fromEntries(auths),
    credHelpers: Object.fromEntries(helpers.filter((e): e is [string, string] => typeof e[1] === 'string')),
    ...(typeof credsStore === 'string' && credsStore !== '' ? { credsStore } : {}),
  }
}

function credentialOf(entry: JsonObject, key: string, what: string): Credential | undefined {
  const { auth, identitytoken, registrytoken, username, password } = entry
  if (typeof registrytoken === 'string' && registrytoken !== '') return { kind: 'bearer', token: registrytoken }
  const decoded = typeof auth === 'string' && auth !== '' ? (fromBase64(auth) ?? broken(key, what)) : undefined
  const colon = decoded?.indexOf(':') ?? -1
  if (decoded !== undefined && colon < 1) broken(key, what)
  const user = decoded?.slice(0, colon) ?? (typeof username === 'string' ? username : '')
  if (typeof identitytoken === 'string' && identitytoken !== '')
    return { kind: 'identity', token: identitytoken, ...(user === '' ? {} : { username: user }) }
  // Docker pads passwords with NULs.
  const secret = decoded?.slice(colon + 1).replace(/\0+$/, '') ?? (typeof password === 'string' ? password : '')
  return user === '' ? undefined : { kind: 'basic', username: user, password: secret }
}

function broken(key: string, what: string): never {
  return fail('invalid_argument', `${what}: the entry of ${JSON.stringify(key)} cannot be read`, {
    hint: 'log in to it again, or remove the entry',
  })
}

/** The key of a host in files and helpers: Docker Hub's is its old URL. */
export function serverKey(domain: string): string {
  return HUB_NAMES.has(domain) ? HUB_KEY : domain
}

/**
 * The entry that suits `domain/path` best: the longest key that is the repository or a namespace above
 * it, down to the host alone. Keys may be URLs, of which only host and port count.
 */
export function bestKey(keys: readonly string[], repository: string): string | undefined {
  const wanted = canonical(repository)
  let best: { readonly key: string; readonly length: number } | undefined
  for (const key of keys) {
    const name = canonical(key)
    if (wanted !== name && !wanted.startsWith(`${name}/`)) continue
    // Of two keys for one place the plain one wins over the URL.
    if (!best || name.length > best.length || (name.length === best.length && !key.includes('://')))
      best = { key, length: name.length }
  }
  return best?.key
}

function canonical(key: string): string {
  const url = /^https?:\/\/([^/]*)/.exec(key)
  const name = url ? url[1]! : key.replace(/\/+$/, '')
  const [host = '', ...rest] = name.split('/')
  return [HUB_NAMES.has(host) ? 'docker.io' : host, ...rest].join('/')
}

/** The file's text with one entry set (or removed), everything else kept as it is. */
export function editAuthFile(
  text: string | undefined,
  what: string,
  key: string,
  credential: Credential | undefined,
): string {
  const object: Record<string, unknown> =
    text === undefined || text.trim() === '' ? {} : { ...parseObject(utf8(text), what) }
  const auths: Record<string, unknown> = { ...asObject(object.auths ?? {}, `${what}: auths`) }
  for (const known of Object.keys(auths)) if (canonical(known) === canonical(key)) delete auths[known]
  if (credential) auths[key] = entryOf(credential)
  return `${JSON.stringify({ ...object, auths }, null, '\t')}\n`
}

/** The file's text without any entry; helpers and everything else stay. */
export function withoutLogins(text: string, what: string): string {
  return `${JSON.stringify({ ...parseObject(utf8(text), what), auths: {} }, null, '\t')}\n`
}

/** The file's text with a helper for everything. */
export function nameHelper(text: string | undefined, what: string, helper: string): string {
  const object = text === undefined || text.trim() === '' ? {} : parseObject(utf8(text), what)
  return `${JSON.stringify({ ...object, credsStore: helper }, null, '\t')}\n`
}

function entryOf(credential: Credential): JsonObject {
  if (credential.kind === 'bearer') return { registrytoken: credential.token }
  if (credential.kind === 'identity')
    return { auth: base64(`${credential.username ?? '<token>'}:`), identitytoken: credential.token }
  return { auth: base64(`${credential.username}:${credential.password}`) }
}
