import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { collect, fail, type Call } from '#base'
import { readDockerfile, type DockerfileSource } from '../source/context.ts'
import { gitHeadTime } from '../source/githead.ts'
import { isHttpUrl } from '../source/http/httpname.ts'
import { httpGet, shown } from '../source/http/request.ts'
import { MAIN_CONTEXT } from '../source/maincontext.ts'
import { readMainContext } from './reference.ts'
import { DOCKERFILE, DOCKERFILE_LIMIT, type ContextHost, type MainContext, type MainOptions } from './types.ts'

/** Finds out what the build context is, fetches it where it is elsewhere, and reads the Dockerfile. */
export async function openMainContext(options: MainOptions, host: ContextHost, call?: Call): Promise<MainContext> {
  const given = await givenDockerfile(options, host, call)
  if (options.context === '-') return await fromStream(options, host, given, call)
  const reference = readMainContext(options.context)
  switch (reference.kind) {
    case 'directory':
      return fromDirectory(resolve(reference.path), options, host, given)
    case 'git':
      return await (await import('./remote.ts')).fromGit(reference.source, { options, host, given }, call)
    case 'http':
      return await (await import('./remote.ts')).fromUrl(reference.url, { options, host, given }, call)
  }
}

/** A Dockerfile that is not looked for in the context: bytes, or a URL. */
async function givenDockerfile(
  { dockerfile, dockerfileBytes }: MainOptions,
  { secret }: ContextHost,
  call?: Call,
): Promise<DockerfileSource | undefined> {
  if (dockerfileBytes) return { bytes: dockerfileBytes, name: dockerfile ?? DOCKERFILE }
  if (dockerfile === undefined || !isHttpUrl(dockerfile)) return undefined
  const response = await httpGet({ url: dockerfile, secret }, call)
  try {
    return { bytes: await collect(response.body, DOCKERFILE_LIMIT), name: shown(dockerfile) }
  } finally {
    await response.close()
  }
}

function fromDirectory(
  path: string,
  { dockerfile, gitDirectory = path }: MainOptions,
  { directories }: ContextHost,
  given: DockerfileSource | undefined,
): MainContext {
  const source = given ?? readDockerfile(path, dockerfile)
  directories.set(MAIN_CONTEXT, { path, ...(source.path === undefined ? {} : { dockerfile: source.path }) })
  return { from: { tree: MAIN_CONTEXT }, dockerfile: source, commitTime: gitHeadTime(gitDirectory) }
}

async function fromStream(
  options: MainOptions,
  host: ContextHost,
  given: DockerfileSource | undefined,
  call?: Call,
): Promise<MainContext> {
  if (!options.contextStream) fail('invalid_argument', 'a context "-" needs a stream')
  const { readStream } = await import('./stream.ts')
  const streamed = await readStream(options.contextStream, host.scratch, call)
  if ('directory' in streamed) {
    const { fromArchive } = await import('./remote.ts')
    return await fromArchive(streamed.directory, { options, host, given }, call)
  }
  if (options.dockerfile !== undefined || given)
    fail('invalid_argument', 'standard input holds a Dockerfile, and -f names another one', {
      hint: 'give one of them; a context on standard input is a tar archive',
    })
  const path = join(host.scratch, 'empty')
  mkdirSync(path, { recursive: true })
  host.directories.set(MAIN_CONTEXT, { path, isTemporary: true })
  return { from: { tree: MAIN_CONTEXT }, dockerfile: { bytes: streamed.dockerfile, name: DOCKERFILE } }
}
