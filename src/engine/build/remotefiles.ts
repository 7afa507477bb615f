import type { Call } from '#base'
import { withRemoteFiles, type BuildOptions, type RemoteFiles } from '#build'
import { acquireLease } from '#content'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import { openBuildHost } from './host.ts'

/** A repository, an archive or a file at a URL, while `work` reads it. What was fetched is in the build cache. */
export async function remoteFiles<T>(
  parts: Parts,
  options: Pick<BuildOptions, 'context' | 'secrets' | 'ssh'>,
  work: (files: RemoteFiles) => Promise<T>,
  call?: Call,
): Promise<T> {
  await using lease = acquireLease(parts.db, `files of ${options.context}`)
  using directory = await createWorkDir(parts, 'build')
  const host = await openBuildHost(parts, { lease, workDir: directory.path, policy: 'missing' })
  return await withRemoteFiles(host, options, work, call)
}
