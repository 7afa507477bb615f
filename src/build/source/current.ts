import { rmSync } from 'node:fs'
import type { Call } from '#base'
import type { Database } from '#content'
import type { Digest } from '#oci'
import { Git } from './git/git.ts'
import { resolveGit } from './git/resolve.ts'
import { download } from './http/download.ts'

/** Where to work while one looks. */
export interface LookOptions {
  readonly db: Database
  readonly directory: string
}

const noSecret = (): undefined => undefined

/** The commit that a reference of a repository leads to now. */
export async function currentCommit(
  remote: string,
  ref: string,
  { directory }: LookOptions,
  call?: Call,
): Promise<string> {
  using git = new Git({ remote, secret: noSecret, directory })
  const { object, commit = object } = await resolveGit(git, { remote, ...(ref === 'HEAD' ? {} : { ref }) }, call)
  return commit
}

/** The digest of what a URL holds now. */
export async function currentDigest(url: string, options: LookOptions, call?: Call): Promise<Digest> {
  const { digest, path } = await download({ url, secret: noSecret, ...options }, call)
  if (path !== undefined) rmSync(path, { force: true })
  return digest
}
