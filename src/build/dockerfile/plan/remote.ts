import { fail } from '#base'
import { isDigest, type Digest } from '#oci'
import type { BuildVertex, CopyPath, Definition } from '../../ops/definition.ts'
import { vertex } from '../../solver/vertex.ts'
import { parseGitUrl, withoutCredentials, type GitSource } from '../../source/git/giturl.ts'
import { isHttpUrl, nameInUrl } from '../../source/http/httpname.ts'
import { shown } from '../../source/http/request.ts'
import type { CopyInstruction } from '../instruction.ts'
import type { LayerContext } from './files.ts'

/** A source over the network: what fetches it, and what of that is copied. */
export interface RemoteSource {
  readonly vertex: BuildVertex
  readonly item: Pick<CopyPath, 'path' | 'unpack'>
}

/** Tells the sources of an instruction that are URLs from those that are paths (undefined). */
export function remoteSources(
  instruction: CopyInstruction,
  context: Pick<LayerContext, 'expand' | 'epoch'>,
): (text: string) => RemoteSource | undefined {
  const checksum = instruction.checksum === undefined ? '' : context.expand(instruction.checksum)
  const paths = instruction.sources.filter(({ kind }) => kind === 'path')
  if (checksum !== '' && paths.length !== 1)
    fail('invalid_argument', "checksum can't be specified for multiple sources")
  const { location } = instruction.statement
  return (text) => {
    const git = parseGitUrl(text)
    const isUrl = !git && isHttpUrl(text)
    if (instruction.name === 'COPY' && (git || isUrl))
      fail('invalid_argument', `source can't be a ${git ? 'git ref' : 'URL'} for COPY`, { hint: 'use ADD' })
    if (git) return gitSource({ ...git, ...gitOptions(instruction, git, checksum) }, context, location)
    if (isUrl) return httpSource(text, checksum, instruction, location)
    if (checksum !== '') fail('invalid_argument', 'checksum requires HTTP(S) or Git sources')
    return undefined
  }
}

type Location = CopyInstruction['statement']['location']

function gitSource(source: GitSource, { epoch }: Pick<LayerContext, 'epoch'>, location: Location): RemoteSource {
  const def = { op: 'git', source, ...(epoch === undefined ? {} : { epoch }) } as const
  const name = `fetch ${withoutCredentials(source.remote)}${source.ref === undefined ? '' : `#${source.ref}`}`
  return { vertex: vertex<Definition>(def, [], { name, location }), item: { path: '/', unpack: false } }
}

/** What the flags say besides the URL; where both speak they must agree. */
function gitOptions({ keepGitDir }: CopyInstruction, git: GitSource, checksum: string): Partial<GitSource> {
  if (keepGitDir !== undefined && git.keepGitDir !== undefined && keepGitDir !== git.keepGitDir)
    fail('invalid_argument', 'inconsistent keep-git-dir configuration')
  if (checksum !== '' && git.checksum !== undefined && checksum !== git.checksum)
    fail('invalid_argument', `checksum mismatch ${JSON.stringify(checksum)} != ${JSON.stringify(git.checksum)}`)
  if (checksum !== '' && !/^[0-9a-f]{1,64}$/i.test(checksum))
    fail('invalid_argument', `invalid checksum ${checksum} for Git URL, expected hex commit hash`)
  return { ...(keepGitDir === undefined ? {} : { keepGitDir }), ...(checksum === '' ? {} : { checksum }) }
}

function httpSource(
  url: string,
  checksum: string,
  { unpack = false }: CopyInstruction,
  location: Location,
): RemoteSource {
  if (!URL.canParse(url)) fail('invalid_argument', `invalid URL ${JSON.stringify(url)}`)
  if (checksum !== '' && !(isDigest(checksum) && checksum.startsWith('sha256:')))
    fail('invalid_argument', `invalid checksum ${JSON.stringify(checksum)}`, { hint: 'write sha256: and 64 digits' })
  const name = nameInUrl(url)
  const def = { op: 'http', url, name, ...(checksum === '' ? {} : { checksum: checksum as Digest }) } as const
  return {
    vertex: vertex<Definition>(def, [], { name: `fetch ${shown(url)}`, location }),
    item: { path: `/${name}`, unpack },
  }
}
