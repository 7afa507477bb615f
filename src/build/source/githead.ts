import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readObject } from './gitobject.ts'

/** A repository as its HEAD needs it. */
interface Repository {
  /** HEAD is here (a work tree's own directory). */
  readonly git: string
  /** Objects and branches are here. */
  readonly common: string
}

/**
 * The commit time, in seconds, of the git HEAD that a directory belongs to; undefined outside of a repository, before
 * its first commit, and for anything that cannot be read. Files are read, git is not run: a repository's config can
 * make git run programs.
 */
export function gitHeadTime(directory: string): number | undefined {
  try {
    const repository = findRepository(resolve(directory))
    const commit = repository && resolveRef(repository, 'HEAD')
    const object = commit && readObject(join(repository.common, 'objects'), commit)
    if (!object || object.type !== 'commit') return undefined
    const match = /^committer .* (\d{1,12}) [-+]\d{4}$/m.exec(object.data.toString('utf8'))
    return match ? Number(match[1]) : undefined
  } catch {
    return undefined
  }
}

/** The commit that a directory's HEAD is at, and where its `origin` is; undefined as with {@link gitHeadTime}. */
export function gitHead(directory: string): { readonly commit: string; readonly remote?: string } | undefined {
  try {
    const repository = findRepository(resolve(directory))
    const commit = repository && resolveRef(repository, 'HEAD')
    if (!commit) return undefined
    const config = readText(join(repository.common, 'config')) ?? ''
    const remote = /^\[remote "origin"\][^[]*?^\s*url\s*=\s*(\S+)/ms.exec(config)?.[1]
    return { commit, ...(remote ? { remote } : {}) }
  } catch {
    return undefined
  }
}

function findRepository(start: string): Repository | undefined {
  for (let at = start; ; at = dirname(at)) {
    const dot = join(at, '.git')
    if (existsSync(dot)) {
      const git = statSync(dot).isDirectory()
        ? dot
        : resolve(at, /^gitdir: (.*)$/m.exec(readText(dot) ?? '')?.[1] ?? '')
      const common = readText(join(git, 'commondir'))
      return { git, common: common === undefined ? git : resolve(git, common) }
    }
    if (at === dirname(at)) return undefined
  }
}

/** Follows `ref:` lines to a commit. */
function resolveRef({ git, common }: Repository, name: string, depth = 0): string | undefined {
  if (depth > 5 || name.includes('..')) return undefined
  const text = readText(join(git, name)) ?? readText(join(common, name)) ?? packedRef(common, name)
  const link = /^ref: (.+)$/.exec(text ?? '')?.[1]
  if (link) return resolveRef({ git, common }, link, depth + 1)
  return text !== undefined && /^[0-9a-f]{40}$/.test(text) ? text : undefined
}

function packedRef(common: string, name: string): string | undefined {
  return readText(join(common, 'packed-refs'))
    ?.split('\n')
    .find((line) => line.slice(41) === name)
    ?.slice(0, 40)
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
