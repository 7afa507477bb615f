import { fail, isCode, utf8 } from '#base'
import type { Call } from '#base'
import { parseObject } from '#oci'
import { printable } from '../transport/redact.ts'
import type { Credential, ProgramResult, RegistryHost } from '../types.ts'

/** User name under which a helper hands out an identity token (docker-credential-helpers). */
const TOKEN_USER = '<token>'

export type HelperRunner = Pick<RegistryHost, 'run'>

/**
 * The program `docker-credential-NAME`: verbs get, store, erase, list; the server's URL or a JSON
 * object on stdin, JSON on stdout. Secrets go through pipes alone.
 */
export async function helperGet(
  host: HelperRunner,
  name: string,
  server: string,
  call?: Call,
): Promise<Credential | undefined> {
  const answer = await runHelper(host, name, 'get', server, call)
  if (answer.code !== 0) {
    if (lacksServer(answer)) return undefined
    refused(name, 'get', answer)
  }
  const { Username, Secret } = parseObject(utf8(answer.stdout), `the answer of ${programOf(name)}`)
  if (typeof Username !== 'string' || typeof Secret !== 'string' || Secret === '') return undefined
  return Username === TOKEN_USER
    ? { kind: 'identity', token: Secret }
    : { kind: 'basic', username: Username, password: Secret }
}

export async function helperStore(
  host: HelperRunner,
  name: string,
  server: string,
  credential: Credential,
  call?: Call,
): Promise<void> {
  const [Username, Secret] =
    credential.kind === 'basic' ? [credential.username, credential.password] : [TOKEN_USER, credential.token]
  const answer = await runHelper(host, name, 'store', JSON.stringify({ ServerURL: server, Username, Secret }), call)
  if (answer.code !== 0) refused(name, 'store', answer)
}

/** False when the helper had nothing to erase. */
export async function helperErase(host: HelperRunner, name: string, server: string, call?: Call): Promise<boolean> {
  const answer = await runHelper(host, name, 'erase', server, call)
  if (answer.code === 0) return true
  if (lacksServer(answer)) return false
  return refused(name, 'erase', answer)
}

/** The servers that the helper knows. */
export async function helperList(host: HelperRunner, name: string, call?: Call): Promise<readonly string[]> {
  const answer = await runHelper(host, name, 'list', 'unused', call)
  if (answer.code !== 0) refused(name, 'list', answer)
  return Object.keys(parseObject(utf8(answer.stdout), `the answer of ${programOf(name)}`))
}

/** True when the helper is installed and its store can be reached. */
export async function helperUsable(host: HelperRunner, name: string, call?: Call): Promise<boolean> {
  try {
    return (await runHelper(host, name, 'list', 'unused', call)).code === 0
  } catch (error) {
    if (isCode(error, 'not_found')) return false
    throw error
  }
}

/** Helpers know no exit code for it. */
function lacksServer({ stdout, stderr }: ProgramResult): boolean {
  return /credentials not found/i.test(stdout + stderr)
}

async function runHelper(
  host: HelperRunner,
  name: string,
  verb: string,
  input: string,
  call?: Call,
): Promise<ProgramResult> {
  return host.run(programOf(name), [verb], input, call)
}

function programOf(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    fail('invalid_argument', `not the name of a credential helper: ${JSON.stringify(name.slice(0, 100))}`)
  return `docker-credential-${name}`
}

/** Only what the helper says on stderr is shown: its stdout may hold a secret. */
function refused(name: string, verb: string, { code, stderr }: ProgramResult): never {
  return fail(
    'unauthenticated',
    `${programOf(name)} ${verb} ended with ${code}: ${printable(stderr) || 'no reason given'}`,
    {
      hint: 'run the helper by hand, or take it out of the configuration’s credsStore and credHelpers',
    },
  )
}
