import { fail } from '#base'
import { pathInRoot } from '../cleanpath.ts'

/** A git repository, and what of it is wanted. Forms: `URL#ref:subdir`, `URL?ref=…&subdir=…`, `user@host:path`. */
export interface GitSource {
  /** What git is given: without fragment and query. */
  readonly remote: string
  /** Branch, tag or commit; the default branch where it is absent. */
  readonly ref?: string
  /** Directory of the repository, relative and clean. */
  readonly subdir?: string
  /** Beginning of the commit's (or tag's) ID that `ref` must lead to. */
  readonly checksum?: string
  readonly keepGitDir?: boolean
  readonly submodules?: boolean
  /** `commit`: files get the time of the commit. */
  readonly mtime?: 'checkout' | 'commit'
  /** `checksum` is fetched as it is; `ref` is only its name. */
  readonly fetchByCommit?: boolean
}

/** Protocols that a repository may be fetched over: none that runs a program of the URL's choice. */
const PROTOCOLS = ['http', 'https', 'ssh', 'git']
const SCP = /^([\w-]+@[\w.-]+:[^?#]*)(?:\?([^#]*))?(?:#(.*))?$/
const URL_FORM = /^([a-zA-Z0-9]+):\/\/[^?#]*/

/** The repository that a text names; undefined for what is none. Over HTTP only a path that ends in `.git` is one. */
export function parseGitUrl(text: string): GitSource | undefined {
  const protocol = URL_FORM.exec(text)?.[1]?.toLowerCase()
  if (protocol === undefined) {
    const match = SCP.exec(text)
    return match ? gitSource(match[1]!, match[2], match[3]) : undefined
  }
  if (!PROTOCOLS.includes(protocol) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (protocol.startsWith('http') && !url.pathname.endsWith('.git')) return undefined
  const [remote] = text.split(/[?#]/, 1)
  return gitSource(remote!, url.search.slice(1), decode(url.hash.slice(1)))
}

/** The old form of a context without a protocol: only where no directory has that name. */
export function parseShortGitUrl(text: string): GitSource | undefined {
  return text.startsWith('github.com/') ? parseGitUrl(withSuffix(`https://${text}`)) : undefined
}

function withSuffix(url: string): string {
  return url.replace(/^([^?#]*?)(?:\.git)?(?=[?#]|$)/, '$1.git')
}

function gitSource(remote: string, query = '', fragment = ''): GitSource {
  const [ref = '', ...rest] = fragment.split(':')
  const subdir = pathInRoot(rest.join(':'))
  const source: GitSource = { remote, ...(ref === '' ? {} : { ref }), ...(subdir === '' ? {} : { subdir }) }
  const given = query === '' ? source : withQuery(source, query)
  if (given.ref?.startsWith('-')) fail('invalid_argument', `invalid git ref ${JSON.stringify(given.ref)}`)
  if (given.checksum !== undefined && !/^[0-9a-f]{1,64}$/i.test(given.checksum))
    fail('invalid_argument', `invalid commit ${JSON.stringify(given.checksum)} for ${remote}: not hexadecimal`)
  return given
}

function withQuery(start: GitSource, query: string): GitSource {
  const seen = new Map<string, string>()
  for (const [key, value] of new URLSearchParams(query)) {
    if (seen.has(key)) fail('invalid_argument', `query ${JSON.stringify(key)} has multiple values`)
    seen.set(key, value)
  }
  let source = start
  for (const [key, value] of seen) {
    const read = Object.hasOwn(QUERY, key)
      ? QUERY[key]!
      : fail('invalid_argument', `unexpected query ${JSON.stringify(key)}`)
    if (value === '' && !FLAGS.includes(key)) fail('invalid_argument', `query ${JSON.stringify(key)} has no value`)
    source = read(source, value)
  }
  return source
}

const FLAGS = ['keep-git-dir', 'submodules', 'fetch-by-commit']

const QUERY: Readonly<Record<string, (source: GitSource, value: string) => GitSource>> = {
  ref: setRef,
  tag: (source, value) => setRef(source, prefixed('refs/tags/', value)),
  branch: (source, value) => setRef(source, prefixed('refs/heads/', value)),
  subdir: (source, value) => {
    const subdir = pathInRoot(value)
    if (source.subdir !== undefined && source.subdir !== subdir)
      fail('invalid_argument', `subdir conflicts: ${JSON.stringify(source.subdir)} vs ${JSON.stringify(value)}`)
    return subdir === '' ? source : { ...source, subdir }
  },
  checksum: (source, checksum) => ({ ...source, checksum }),
  commit: (source, checksum) => ({ ...source, checksum }),
  'keep-git-dir': (source, value) => ({ ...source, keepGitDir: flag('keep-git-dir', value) }),
  submodules: (source, value) => ({ ...source, submodules: flag('submodules', value) }),
  'fetch-by-commit': (source, value) => ({ ...source, fetchByCommit: flag('fetch-by-commit', value) }),
  mtime: (source, value) => {
    if (value !== 'checkout' && value !== 'commit')
      fail('invalid_argument', `invalid mtime value ${JSON.stringify(value)}`, { hint: 'write checkout or commit' })
    return { ...source, mtime: value }
  },
}

function setRef(source: GitSource, ref: string): GitSource {
  if (source.ref !== undefined && source.ref !== ref)
    fail('invalid_argument', `ref conflicts: ${JSON.stringify(source.ref)} vs ${JSON.stringify(ref)}`)
  return { ...source, ref }
}

function prefixed(prefix: string, value: string): string {
  return value.startsWith(prefix) ? value : prefix + value
}

function flag(name: string, value: string): boolean {
  if (/^(?:|1|t|true)$/i.test(value)) return true
  if (/^(?:0|f|false)$/i.test(value)) return false
  return fail('invalid_argument', `invalid ${name} value: ${JSON.stringify(value)}`)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Without the password or token that a URL may carry: for messages and for what is kept. */
export function withoutCredentials(remote: string): string {
  return remote.replace(/^([a-zA-Z0-9]+:\/\/)[^/@]*:[^/@]*@/, '$1xxxxx:xxxxx@')
}
