import { fail } from '#base'
import type { Call } from '#base'
import { openRegistry } from '../registry.ts'
import type { RegistryOptions } from '../registry.ts'
import { discard } from '../transport/body.ts'
import type { Credential, Endpoint, RegistryHost } from '../types.ts'
import { dockerConfigPath, helperFor, readAuthFile } from './credentials.ts'
import { bestKey, editAuthFile, nameHelper, parseAuthFile, serverKey, withoutLogins } from './dockerconfig.ts'
import { helperErase, helperList, helperStore, helperUsable } from './helper.ts'

/** Where a login is kept. */
export interface LoginOptions extends RegistryOptions {
  /** The file to write; default Docker's, or REGISTRY_AUTH_FILE. */
  readonly path?: string
}

/** Where a login was put. */
export interface StoredLogin {
  readonly server: string
  /** The helper that keeps it, or undefined: then `path` does, in clear. */
  readonly helper?: string
  readonly path: string
  /** What the user must be told: the file is not encrypted. */
  readonly warning?: string
}

/** Helpers for the keychains of the systems, in the order of preference. */
const KNOWN_HELPERS = ['osxkeychain', 'wincred', 'pass', 'secretservice']

/**
 * Asks the registry whether it takes the credential, then stores it: by the credential helper that the
 * file names; else, while the file holds no credentials yet, by one that works here, which is written
 * into the file; else in the file itself. `unauthenticated`, with nothing stored, when it is refused.
 */
export async function login(
  host: RegistryHost,
  endpoint: Endpoint,
  domain: string,
  credential: Credential,
  options: LoginOptions = {},
  call?: Call,
): Promise<StoredLogin> {
  const kept = await checkLogin(endpoint, credential, options, call)
  const path = loginPath(host, options)
  const file = await readAuthFile(host, path)
  const server = serverKey(domain)
  const named = file && helperFor(file, domain)
  const fresh = !file || (Object.keys(file.auths).length === 0 && Object.keys(file.credHelpers).length === 0)
  const helper = named ?? (fresh ? await workingHelper(host, call) : undefined)
  if (helper !== undefined) {
    await helperStore(host, helper, server, kept, call)
    if (named === undefined) await host.replaceFile(path, nameHelper(await host.readFile(path), path, helper))
    return { server, helper, path }
  }
  await host.replaceFile(path, editAuthFile(await host.readFile(path), path, server, kept))
  const what = kept.kind === 'basic' ? 'password' : 'login'
  const warning = `the ${what} is stored unencrypted in ${path}: name a credential helper there (credsStore) to change that`
  return { server, path, warning }
}

/** Forgets a login, in the helper and in the file. False when there was none. */
export async function logout(
  host: RegistryHost,
  domain: string,
  options: Pick<LoginOptions, 'path'> = {},
  call?: Call,
): Promise<boolean> {
  const path = loginPath(host, options)
  const text = await host.readFile(path)
  if (text === undefined) return false
  const file = parseAuthFile(text, path)
  const helper = helperFor(file, domain)
  const erased = helper !== undefined && (await helperErase(host, helper, serverKey(domain), call))
  const stored = bestKey(Object.keys(file.auths), domain) !== undefined
  if (stored) await host.replaceFile(path, editAuthFile(text, path, serverKey(domain), undefined))
  return erased || stored
}

async function workingHelper(host: RegistryHost, call?: Call): Promise<string | undefined> {
  for (const name of KNOWN_HELPERS) if (await helperUsable(host, name, call)) return name
  return undefined
}

/** Forgets every login of the file and of its helpers; returns their servers. */
export async function logoutAll(
  host: RegistryHost,
  options: Pick<LoginOptions, 'path'> = {},
  call?: Call,
): Promise<readonly string[]> {
  const path = loginPath(host, options)
  const text = await host.readFile(path)
  if (text === undefined) return []
  const file = parseAuthFile(text, path)
  const gone = new Set<string>(Object.keys(file.auths))
  const kept = Object.entries(file.credHelpers)
  if (file.credsStore !== undefined)
    for (const server of await helperList(host, file.credsStore, call)) kept.push([server, file.credsStore])
  for (const [server, helper] of kept) if (await helperErase(host, helper, server, call)) gone.add(server)
  if (Object.keys(file.auths).length > 0) await host.replaceFile(path, withoutLogins(text, path))
  return [...gone].toSorted()
}

/**
 * `GET /v2/` with the credential. A registry that asks nobody anything takes any. What is to be kept: a refresh
 * token where the token server gives one for the password.
 */
async function checkLogin(
  endpoint: Endpoint,
  credential: Credential,
  options: RegistryOptions,
  call?: Call,
): Promise<Credential> {
  let refresh: string | undefined
  const registry = openRegistry(endpoint, {
    ...options,
    credentials: async () => credential,
    onRefreshToken: (token) => (refresh = token),
  })
  const answer = await registry.send({ method: 'GET', path: '/v2/' }, call)
  await discard(answer)
  if (answer.status === 401 || answer.status === 403)
    fail('unauthenticated', `${endpoint.host} refuses this user or password`, {
      hint: 'check both; with two-factor login, a token takes the place of the password',
    })
  if (answer.status >= 500) fail('unavailable', `${endpoint.host} answers ${answer.status} to a login`)
  if (refresh === undefined || credential.kind !== 'basic') return credential
  return { kind: 'identity', token: refresh, username: credential.username }
}

function loginPath(host: RegistryHost, options: Pick<LoginOptions, 'path'>): string {
  return options.path ?? (host.env.REGISTRY_AUTH_FILE || dockerConfigPath(host))
}
