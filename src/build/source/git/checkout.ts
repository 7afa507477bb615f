import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, type Call } from '#base'
import type { Git } from './git.ts'
import { withoutCredentials, type GitSource } from './giturl.ts'
import { checkSum, type ResolvedGit } from './resolve.ts'

export interface Checkout {
  /** The work tree's root. */
  readonly path: string
  readonly commit: string
  /** Of the commit, seconds since the epoch. */
  readonly time: number
}

/** Fetches what was resolved, as little as the server lets us, and lays its files out. */
export async function checkOut(git: Git, source: GitSource, resolved: ResolvedGit, call?: Call): Promise<Checkout> {
  const path = join(git.directory, 'tree')
  const keep = keepsGitDir(source)
  const gitDir = keep ? join(path, '.git') : join(git.directory, 'repository')
  mkdirSync(path)
  const repository = [`--git-dir=${gitDir}`, `--work-tree=${path}`]
  const format = resolved.object.length === 64 ? ['--object-format=sha256'] : []
  await git.run([...repository, 'init', '--quiet', '--template=', ...format], call)
  await git.run([...repository, 'config', 'remote.origin.url', source.remote], call)
  await fetchObject(git, repository, source, resolved, call)
  const commit = (await git.run([...repository, 'rev-parse', `${resolved.object}^{commit}`], call)).trim()
  checkSum(source, [resolved.object, commit])
  await git.run([...repository, 'checkout', '--quiet', '--force', '--detach', commit], call)
  if (source.submodules ?? true) await git.run(['-C', path, ...repository, ...SUBMODULES], call)
  const time = Number((await git.run([...repository, 'log', '-1', '--format=%ct', commit], call)).trim())
  if (keep) await tidy(git, repository, gitDir, source, call)
  return { path, commit, time }
}

/** A part of a repository has no repository of its own. */
export function keepsGitDir({ keepGitDir, subdir }: GitSource): boolean {
  return keepGitDir === true && subdir === undefined
}

const SUBMODULES = ['submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1']

/** The object alone; by its name where a server gives only what it announces; else everything. */
async function fetchObject(
  git: Git,
  repository: readonly string[],
  { remote }: GitSource,
  { ref, object }: ResolvedGit,
  call?: Call,
): Promise<void> {
  const has = async (): Promise<boolean> =>
    (await git.attempt([...repository, 'cat-file', '-e', `${object}^{commit}`], call)) !== undefined
  const target = ref === undefined ? '' : `:${ref}`
  const fetch = [...repository, 'fetch', '--quiet', '--no-tags', '--force', '--update-head-ok']
  const shallow = [...fetch, '--depth=1', 'origin']
  await git.attempt([...shallow, `${object}${target}`], call)
  if (await has()) return
  if (ref !== undefined) await git.attempt([...shallow, `${ref}${target}`], call)
  if (await has()) return
  const everything = ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*']
  await git.run([...fetch, 'origin', ...everything], call)
  if (await has()) {
    if (ref !== undefined) await git.run([...repository, 'update-ref', ref, object], call)
    return
  }
  fail('not_found', `${withoutCredentials(remote)} has no commit ${object}`, { hint: 'it may have been rewritten' })
}

/** Takes what differs from one checkout to the next out of a repository that is kept. */
async function tidy(
  git: Git,
  repository: readonly string[],
  gitDir: string,
  { remote }: GitSource,
  call?: Call,
): Promise<void> {
  await git.run([...repository, 'config', 'remote.origin.url', withoutCredentials(remote)], call)
  // The index holds times and inodes; read anew it holds none, until git next looks at the files.
  rmSync(join(gitDir, 'index'), { force: true })
  await git.run([...repository, 'read-tree', 'HEAD'], call)
  for (const name of ['FETCH_HEAD', 'ORIG_HEAD', 'logs']) rmSync(join(gitDir, name), { recursive: true, force: true })
}
