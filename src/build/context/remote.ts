import { fail, type Call } from '#base'
import type { BuildVertex, Definition, FileSource } from '../ops/definition.ts'
import { vertex } from '../solver/vertex.ts'
import { ARCHIVE_HEAD, looksLikeArchive } from '../source/archive.ts'
import type { DockerfileSource } from '../source/context.ts'
import { withoutCredentials, type GitSource } from '../source/git/giturl.ts'
import { shown } from '../source/http/request.ts'
import type { SourceTree } from '../source/tree.ts'
import { readHead, readTreeFile } from '../source/treefile.ts'
import { DOCKERFILE, DOCKERFILE_LIMIT, type ContextHost, type MainContext, type MainOptions } from './types.ts'

/** A context that is no directory of this machine: a layer, and the Dockerfile lies in it. */
export interface Remote {
  readonly options: MainOptions
  readonly host: ContextHost
  /** The Dockerfile, where it is not in the context. */
  readonly given: DockerfileSource | undefined
}

/** What a file that holds a context is called, in its directory or layer. */
export const FILE = 'context'

/** Local trees have names of contexts; this is none. */
const ARCHIVE_TREE = 'the archive on standard input'

export async function fromGit(source: GitSource, remote: Remote, call?: Call): Promise<MainContext> {
  const { options, host } = remote
  const keepGitDir = isTrue(options.buildArgs?.['BUILDKIT_CONTEXT_KEEP_GIT_DIR']) || source.keepGitDir === true
  const def = { op: 'git', source: { ...source, keepGitDir } } as const
  const name = `load git source ${withoutCredentials(source.remote)}`
  const target = vertex<Definition>(def, [], { name: internal(name) })
  const dockerfile = await inside(target, remote, call)
  return { from: { vertex: target, context: true }, dockerfile, commitTime: host.commitTime(target) }
}

/** What the URL holds decides: an archive is the context, anything else the Dockerfile. */
export async function fromUrl(url: string, remote: Remote, call?: Call): Promise<MainContext> {
  const { target, kind } = await contextVertex(url, remote.host, call)
  const from = { vertex: target, context: true }
  if (kind === 'archive') return { from, dockerfile: await inside(target, remote, call) }
  const read = async (tree: SourceTree): Promise<Uint8Array> => readTreeFile(tree, FILE, DOCKERFILE_LIMIT)!
  const bytes = remote.given ? undefined : await remote.host.view(target, read, call)
  return { from, dockerfile: remote.given ?? { bytes: bytes!, name: shown(url) } }
}

/** An archive unpacked, or a file by the name {@link FILE}. */
export async function contextVertex(
  url: string,
  host: Pick<ContextHost, 'view'>,
  call?: Call,
): Promise<{ readonly target: BuildVertex; readonly kind: 'archive' | 'file' }> {
  const about = { name: internal(`load ${shown(url)}`) }
  const file = vertex<Definition>({ op: 'http', url, name: FILE }, [], about)
  const isArchive = await host.view(
    file,
    async (tree) => looksLikeArchive(readHead(tree, tree.node(FILE)!, ARCHIVE_HEAD)),
    call,
  )
  return isArchive ? { target: unpacked({ input: 0 }, [file]), kind: 'archive' } : { target: file, kind: 'file' }
}

/** An archive that lies in a directory of the build's own. */
export async function fromArchive(directory: string, remote: Remote, call?: Call): Promise<MainContext> {
  remote.host.directories.set(ARCHIVE_TREE, { path: directory, isTemporary: true })
  const target = unpacked({ tree: ARCHIVE_TREE }, [])
  return { from: { vertex: target, context: true }, dockerfile: await inside(target, remote, call) }
}

function unpacked(from: FileSource, inputs: readonly BuildVertex[]): BuildVertex {
  const sources = [{ kind: 'path', from, path: FILE, literal: true, unpack: true }] as const
  const def = { op: 'copy', below: false, sources, destination: '/' } as const
  return vertex<Definition>(def, inputs, { name: internal('unpack build context') })
}

/** The Dockerfile in a context, by its path there. */
async function inside(target: BuildVertex, { options, host, given }: Remote, call?: Call): Promise<DockerfileSource> {
  if (given) return given
  const { dockerfile: name = DOCKERFILE } = options
  return await host.view(
    target,
    async (tree) => {
      const names = [name, ...(/(?:^|\/)Dockerfile$/.test(name) ? [name.replace(/Dockerfile$/, 'dockerfile')] : [])]
      for (const path of names) {
        const bytes = readTreeFile(tree, path, DOCKERFILE_LIMIT)
        if (bytes) return { bytes, name: path }
      }
      return fail('not_found', `no ${name} in the build context`, {
        hint: 'name it with -f, by its path in the context',
      })
    },
    call,
  )
}

function internal(name: string): string {
  return `[internal] ${name}`
}

function isTrue(text: string | undefined): boolean {
  return /^(?:1|t|true)$/i.test(text ?? '')
}
