import { fail, type Call } from '#base'
import type { Git } from './git.ts'
import { withoutCredentials, type GitSource } from './giturl.ts'

/** What a reference of a repository means now. */
export interface ResolvedGit {
  /** The full reference, where it is one. */
  readonly ref?: string
  /** What it leads to: a commit, or an annotated tag. */
  readonly object: string
  /** The commit itself, where that is known to differ. */
  readonly commit?: string
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

function isCommit(text: string): boolean {
  return COMMIT.test(text)
}

/** Asks the remote, unless the source names a whole commit. A checksum must begin what is found. */
export async function resolveGit(git: Git, source: GitSource, call?: Call): Promise<ResolvedGit> {
  const pinned = pinnedCommit(source)
  if (pinned) return pinned
  const found = await askRemote(git, source, call)
  checkSum(source, [found.object, found.commit])
  return found
}

/** A commit that needs no remote; undefined for a name. */
export function pinnedCommit(source: GitSource): ResolvedGit | undefined {
  const { ref, checksum, fetchByCommit } = source
  if (ref !== undefined && isCommit(ref)) {
    checkSum(source, [ref])
    return { object: ref }
  }
  if (!fetchByCommit) return undefined
  if (checksum === undefined || !isCommit(checksum))
    fail('invalid_argument', 'fetch-by-commit needs a whole commit: commit=…')
  return {
    object: checksum,
    ...(ref === undefined ? {} : { ref: ref.startsWith('refs/') ? ref : `refs/heads/${ref}` }),
  }
}

async function askRemote(git: Git, source: GitSource, call?: Call): Promise<ResolvedGit> {
  const { remote } = source
  const ref = source.ref ?? (await defaultBranch(git, remote, call))
  const known = references(await git.run(['ls-remote', '--', remote, ref, `${ref}^{}`], call))
  // A server without any say in symbolic references: what HEAD leads to must do.
  if (ref === 'HEAD' && known.has(ref)) return { object: known.get(ref)! }
  const bare = (prefix: string): string => (ref.startsWith(prefix) ? ref : prefix + ref)
  // As checkout has it, a branch goes before a tag of the same name.
  const name = [bare('refs/'), bare('refs/heads/'), bare('refs/tags/')].find((full) => known.has(full))
  if (name === undefined)
    fail('not_found', `${withoutCredentials(remote)} has no ref ${JSON.stringify(ref)}`, {
      hint: 'name a branch, a tag, or a commit by all its digits',
    })
  const commit = known.get(`${name}^{}`)
  return { ref: name, object: known.get(name)!, ...(commit === undefined ? {} : { commit }) }
}

async function defaultBranch(git: Git, remote: string, call?: Call): Promise<string> {
  const said = await git.run(['ls-remote', '--symref', '--', remote, 'HEAD'], call)
  const ref = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(said)?.[1]
  if (ref !== undefined) return ref
  return references(said).has('HEAD')
    ? 'HEAD'
    : fail('not_found', `${withoutCredentials(remote)} has no default branch`, { hint: 'name a branch: URL#branch' })
}

/** Lines of `object<TAB>name`. */
function references(said: string): ReadonlyMap<string, string> {
  return new Map(
    said.split('\n').flatMap((line) => {
      const [object = '', name = ''] = line.split('\t')
      return isCommit(object) ? [[name, object] as const] : []
    }),
  )
}

/** `invalid_argument` unless the checksum begins one of the objects that the source leads to. */
export function checkSum({ remote, checksum }: GitSource, found: readonly (string | undefined)[]): void {
  if (checksum === undefined) return
  const objects = found.filter((object) => object !== undefined)
  if (objects.some((object) => object.startsWith(checksum.toLowerCase()))) return
  fail('failed_precondition', `expected checksum to match ${checksum}, got ${objects.join(' or ')}`, {
    hint: `what ${withoutCredentials(remote)} has there is another commit`,
  })
}
