import { readFileSync } from 'node:fs'
import { join, normalize, resolve } from 'node:path'
import type { BakeFile, Target } from '#bake'
import { fail, reasonOf } from '#base'
import type { RemoteFiles, SecretSource } from '#engine'
import { defaultNames } from './files.ts'

/** What begins so is of the caller's own directory, also where definitions come from elsewhere. */
export const LOCAL = 'cwd://'

/** Where definitions come from, if not from here. */
export type Origin = Pick<RemoteFiles, 'kind' | 'context'>

/** The words of `bake`: perhaps where its definitions are, perhaps what BAKE_CMD_CONTEXT is; then targets. */
export interface BakeWords {
  readonly url?: string
  readonly commandContext: string
  readonly targets: readonly string[]
}

export function bakeWords(words: readonly string[]): BakeWords {
  const [first, second] = words
  if (first === undefined || !isRemote(first)) return { commandContext: LOCAL, targets: words }
  if (second === undefined || !isRemote(second)) return { url: first, commandContext: LOCAL, targets: words.slice(1) }
  return { url: first, commandContext: second, targets: words.slice(2) }
}

function isRemote(text: string): boolean {
  return /^(?:https?:\/\/|git:\/\/|ssh:\/\/|[\w-]+@[\w.-]+:|github\.com\/)/.test(text)
}

/** The files of these names at a URL, else those with the usual names; a URL of one file is that file. */
export function remoteBakeFiles(files: RemoteFiles, url: string, named: readonly string[]): readonly BakeFile[] {
  if (files.kind === 'file') return [{ name: url, text: files.read('')! }]
  return (named.length > 0 ? named : defaultNames).flatMap((name) => {
    const text = files.read(name)
    if (text === undefined && named.length > 0) fail('not_found', `${url} has no file ${name}`)
    return text === undefined ? [] : [{ name, text }]
  })
}

/** BUILDX_BAKE_GIT_AUTH_TOKEN and BUILDX_BAKE_GIT_AUTH_HEADER log in at the definitions' host, and nowhere else. */
export function loginAt(url: string | undefined, context: string | undefined = url): Record<string, SecretSource> {
  const host = hostOf(url)
  if (host === undefined || hostOf(context) !== host) return {}
  const given = ['TOKEN', 'HEADER'].filter((kind) => process.env[`BUILDX_BAKE_GIT_AUTH_${kind}`])
  return Object.fromEntries(given.map((kind) => [`GIT_AUTH_${kind}.${host}`, { env: `BUILDX_BAKE_GIT_AUTH_${kind}` }]))
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && isRemote(url) && URL.canParse(url) ? new URL(url).host : undefined
}

/**
 * A target with its contexts where they are: paths of a definition from a repository or archive are paths there, those
 * behind `cwd://`, and all others, are the caller's.
 */
export function placed(target: Target, origin?: Origin): Target {
  const isThere = origin !== undefined && origin.kind !== 'file'
  const place = (context: string): string => {
    if (context.startsWith(LOCAL)) return normalize(context.slice(LOCAL.length))
    const isPath = !isRemote(context) && !/^(?:target:|docker-image:|oci-layout:)/.test(context)
    return isThere && isPath ? origin.context(context) : context
  }
  const { context = '.', contexts = {} } = target
  return {
    ...target,
    ...dockerfileOf(target, isThere, context.startsWith(LOCAL)),
    context: place(context),
    contexts: Object.fromEntries(Object.entries(contexts).map(([name, one]) => [name, place(one)])),
  }
}

/** A Dockerfile lies in its context; one behind `cwd://` is read here, whatever the context is. */
function dockerfileOf(target: Target, isThere: boolean, isLocalContext: boolean): Target {
  const { dockerfile = 'Dockerfile' } = target
  if (target['dockerfile-inline'] !== undefined) return {}
  if (!dockerfile.startsWith(LOCAL)) {
    if (isThere && isLocalContext)
      fail(
        'unimplemented',
        `${dockerfile}: a Dockerfile from elsewhere cannot be built with a context of this machine`,
        {
          hint: `name one of this machine: ${LOCAL}${dockerfile}`,
        },
      )
    return {}
  }
  const path = resolve(dockerfile.slice(LOCAL.length))
  if (!isThere || isLocalContext) return { dockerfile: path }
  try {
    return { 'dockerfile-inline': readFileSync(path, 'utf8') }
  } catch (error) {
    return fail('not_found', `${path}: ${reasonOf(error)}`, { cause: error })
  }
}

/** Paths of this machine that a target of a remote definition asks for. */
export function localPaths(target: Target, origin: Origin): { readonly read: string[]; readonly written: string[] } {
  const { context = '.', contexts = {}, dockerfile = '' } = target
  const isThere = origin.kind !== 'file'
  const own = (path: string): string[] => {
    if (path.startsWith(LOCAL)) return [path.slice(LOCAL.length)]
    if (path.startsWith('oci-layout:')) return [path.replace(/^oci-layout:(?:\/\/)?/, '').replace(/[:@].*$/, '')]
    return isThere || isRemote(path) || /^(?:target:|docker-image:)/.test(path) ? [] : [path]
  }
  const file =
    dockerfile.startsWith(LOCAL) || isThere ? own(dockerfile) : own(context).map((at) => join(at, dockerfile))
  const cache = (name: 'cache-from' | 'cache-to', member: string): string[] =>
    (target[name] ?? []).flatMap((entry) => (entry['type'] === 'local' ? (entry[member] ?? []) : []))
  return {
    read: [
      ...[context, ...Object.values(contexts)].flatMap(own),
      ...file,
      ...(target.secret ?? []).flatMap((entry) => entry['src'] ?? entry['source'] ?? []),
      ...(target.ssh ?? []).flatMap(({ paths }) => paths?.split(',') ?? []),
      ...cache('cache-from', 'src'),
    ],
    written: [...(target.output ?? []).flatMap(({ dest }) => dest ?? []), ...cache('cache-to', 'dest')].filter(
      (path) => path !== '-',
    ),
  }
}
