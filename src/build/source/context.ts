import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CairnError, fail } from '#base'
import { withLocation } from '../location.ts'
import { IgnoreRules, parseIgnoreFile } from './ignore.ts'

/** Larger than any Dockerfile or ignore file that somebody wrote. */
const LIMIT = 16 << 20

export interface DockerfileSource {
  readonly bytes: Uint8Array
  /** For messages: as the user named it. */
  readonly name: string
  /** Where it lies, if it is a file. */
  readonly path?: string
}

/** Reads the Dockerfile: the path given, or `Dockerfile` in the context. */
export function readDockerfile(context: string, path: string | undefined): DockerfileSource {
  const where = path === undefined ? join(context, 'Dockerfile') : resolve(path)
  const found = readSmall(where) ?? (path === undefined ? readSmall(join(context, 'dockerfile')) : undefined)
  if (!found) checkContext(context)
  if (!found)
    fail('not_found', `no Dockerfile at ${where}`, {
      hint: path === undefined ? 'name it with -f, or give another context' : 'check the path after -f',
    })
  return { bytes: found, name: path ?? 'Dockerfile', path: where }
}

/** Without a directory, its Dockerfile is not what is missing. */
function checkContext(context: string): void {
  const found = statSync(context, { throwIfNoEntry: false })
  if (!found) fail('not_found', `the build context ${context} does not exist`)
  if (!found.isDirectory()) fail('invalid_argument', `the build context ${context} is not a directory`)
}

/** `<Dockerfile>.dockerignore`, else `.dockerignore` in the context. */
export function ignoreFile(
  context: string,
  dockerfile: string | undefined,
): { readonly path: string; readonly bytes: Uint8Array } | undefined {
  for (const path of [
    ...(dockerfile === undefined ? [] : [`${dockerfile}.dockerignore`]),
    join(context, '.dockerignore'),
  ]) {
    const bytes = readSmall(path)
    if (bytes) return { path, bytes }
  }
  return undefined
}

/** The rules of the {@link ignoreFile}; none without one. */
export function readIgnoreRules(context: string, dockerfile: string | undefined): IgnoreRules {
  const file = ignoreFile(context, dockerfile)
  if (!file) return new IgnoreRules([])
  const text = new TextDecoder().decode(file.bytes)
  try {
    return new IgnoreRules(parseIgnoreFile(text))
  } catch (error) {
    throw error instanceof CairnError ? withLocation(error, placeOf(error, file.path, text)) : error
  }
}

/** The line that the malformed pattern stands on. */
function placeOf(error: CairnError, file: string, text: string): { file: string; line: number; excerpt: string } {
  const lines = text.split('\n').map((line) => line.trim())
  const index = lines.findIndex((line) => line !== '' && error.message.endsWith(line.replace(/^!\s*(?=.)/, '')))
  return { file, line: Math.max(0, index) + 1, excerpt: lines[Math.max(0, index)] ?? '' }
}

function readSmall(path: string): Uint8Array | undefined {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EISDIR') fail('invalid_argument', `${path} is a directory, not a file`)
    fail('permission_denied', `cannot read ${path}: ${code}`, { cause: error })
  }
  if (bytes.length > LIMIT) fail('resource_exhausted', `${path} is larger than ${LIMIT >> 20} MiB`)
  return bytes
}
