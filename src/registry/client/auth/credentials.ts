import { isCode } from '#base'
import type { Call } from '#base'
import type { Credential, CredentialSource, RegistryHost } from '../types.ts'
import { configHome } from '../config/confighome.ts'
import { bestKey, parseAuthFile, serverKey } from './dockerconfig.ts'
import type { AuthFile } from './dockerconfig.ts'
import { helperGet } from './helper.ts'

/** Docker's own file: where `login` writes. */
export function dockerConfigPath(host: Pick<RegistryHost, 'env' | 'home'>): string {
  return `${host.env.DOCKER_CONFIG || `${host.home}/.docker`}/config.json`
}

/**
 * Files with credentials, first match wins: REGISTRY_AUTH_FILE alone when it is set; else Docker's, then
 * podman's of this session and of this user.
 */
export function authFilePaths(host: Pick<RegistryHost, 'env' | 'home' | 'uid'>): readonly string[] {
  const { REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR } = host.env
  if (REGISTRY_AUTH_FILE) return [REGISTRY_AUTH_FILE]
  return [
    dockerConfigPath(host),
    ...(XDG_RUNTIME_DIR ? [`${XDG_RUNTIME_DIR}/containers/auth.json`] : []),
    ...(host.uid === undefined ? [] : [`/run/containers/${host.uid}/auth.json`]),
    `${configHome(host)}/containers/auth.json`,
  ]
}

/** What the machine's files and credential helpers know. Each file is read once, at the first question. */
export function hostCredentials(host: RegistryHost, paths: readonly string[] = authFilePaths(host)): CredentialSource {
  const files = new Map<string, Promise<AuthFile | undefined>>()
  const load = (path: string): Promise<AuthFile | undefined> => {
    const known = files.get(path)
    if (known) return known
    const loading = readAuthFile(host, path)
    files.set(path, loading)
    return loading
  }
  return async (repository, call) => {
    for (const path of paths) {
      const file = await load(path)
      const found = file && (await credentialIn(host, file, repository, call))
      if (found) return found
    }
    return undefined
  }
}

/** What a file says; undefined when it is not there or empty. */
export async function readAuthFile(host: Pick<RegistryHost, 'readFile'>, path: string): Promise<AuthFile | undefined> {
  const text = await host.readFile(path)
  return text === undefined || text.trim() === '' ? undefined : parseAuthFile(text, path)
}

/** The helper named for the host, or the one for all; undefined when the file itself holds credentials. */
export function helperFor(file: AuthFile, domain: string): string | undefined {
  const key = bestKey(Object.keys(file.credHelpers), domain)
  return key === undefined ? file.credsStore : file.credHelpers[key]
}

async function credentialIn(
  host: RegistryHost,
  file: AuthFile,
  repository: string,
  call?: Call,
): Promise<Credential | undefined> {
  const domain = repository.split('/', 1)[0]!
  const helper = helperFor(file, domain)
  if (helper !== undefined) {
    const found = await askHelper(host, helper, serverKey(domain), call)
    if (found) return found
  }
  const key = bestKey(Object.keys(file.auths), repository)
  return key === undefined ? undefined : file.auths[key]
}

/** A helper that is configured but not installed is no reason not to pull what is public. */
async function askHelper(
  host: RegistryHost,
  helper: string,
  server: string,
  call?: Call,
): Promise<Credential | undefined> {
  try {
    return await helperGet(host, helper, server, call)
  } catch (error) {
    if (!isCode(error, 'not_found')) throw error
    call?.progress?.({ kind: 'warning', message: error.message })
    return undefined
  }
}
