import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fail, type ByteStream, type Call } from '#base'
import { openCacheMounts, type CacheMountInfo } from '#build'
import { decompress, detected, gzip, zstd } from '#codec'
import type { Parts } from '../parts.ts'
import { createWorkDir } from '../system/workdir.ts'
import { bytesUnder } from '../volume/users.ts'
import type { CacheMountImport, CacheMountVerbs, NamedCacheMount } from './types.ts'

/** What `RUN --mount=type=cache` keeps, by hand. */
export function cacheMountVerbs(parts: Parts): CacheMountVerbs {
  const mounts = openCacheMounts(parts.paths.cacheMounts)
  return {
    list: async () => mounts.list().map(described),
    export: async (name, { compression } = {}, call) => {
      const tar = exported(parts, find(mounts.list(), name), call)
      if (compression === undefined) return tar
      return compression === 'gzip' ? gzip(tar, {}, call) : zstd(tar, {}, call)
    },
    import: (id, tar, options, call) => imported(parts, { id, tar, ...options }, call),
    remove: async (name) => {
      const { id, key } = find(mounts.list(), name)
      if (!mounts.remove(key)) inUse(id)
    },
  }
}

function described({ paths, ...info }: CacheMountInfo): NamedCacheMount {
  return { ...info, size: paths.reduce((sum, path) => sum + bytesUnder(path), 0) }
}

/** By its whole id where only one has it, else by a beginning of its key. */
function find(all: readonly CacheMountInfo[], name: string): CacheMountInfo {
  const byId = all.filter((info) => info.id === name)
  const found = byId.length > 0 ? byId : all.filter((info) => name.length >= 4 && info.key.startsWith(name))
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    fail('not_found', `no cache mount ${JSON.stringify(name)}`, { hint: 'cairn cache-mount ls lists them' })
  return fail('invalid_argument', `${found.length} cache mounts are called ${JSON.stringify(name)}`, {
    hint: `name one by its key: ${found.map(({ key }) => key.slice(0, 12)).join(', ')}`,
  })
}

/** Its root comes first where it is not root's with mode 755: owner and mode are part of its name. */
async function* exported(parts: Parts, info: CacheMountInfo, call?: Call): ByteStream {
  using work = await createWorkDir(parts, 'cache')
  const mounts = openCacheMounts(parts.paths.cacheMounts)
  using held = await mounts.acquire(info, { sharing: 'shared', workDir: work.path }, call)
  const differ = await parts.differ()
  yield* differ.compare(held.path, {}, call)
}

async function imported(
  parts: Parts,
  { id, tar, namespace = '', ...owner }: CacheMountImport & { readonly id: string; readonly tar: ByteStream },
  call?: Call,
): Promise<NamedCacheMount> {
  using work = await createWorkDir(parts, 'cache')
  const made = join(work.path, 'made')
  mkdirSync(made)
  chmodSync(made, 0o755)
  const differ = await parts.differ()
  const { stream, compression } = await detected(tar)
  await differ.apply(decompress(stream, compression), made, call)
  const stat = statSync(made)
  const { mode = stat.mode & 0o7777, uid = stat.uid, gid = stat.gid } = owner
  chownSync(made, uid, gid)
  chmodSync(made, mode)
  const mounts = openCacheMounts(parts.paths.cacheMounts)
  const name = { id, namespace, mode, uid, gid }
  if (!mounts.replace(name, made)) inUse(id)
  return mounts
    .list()
    .map(described)
    .find(
      (info) =>
        info.id === id && info.namespace === namespace && info.mode === mode && info.uid === uid && info.gid === gid,
    )!
}

function inUse(id: string): never {
  return fail('failed_precondition', `a build uses the cache mount ${id}`, { hint: 'wait for its end, or end it' })
}
