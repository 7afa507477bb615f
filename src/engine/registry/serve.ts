import { join } from 'node:path'
import { fail, type Call } from '#base'
import {
  collectOnce,
  openStorage,
  serveRegistry,
  type Collected,
  type KeptRegistry,
  type RunningRegistry,
} from '#registry/server'
import type { Parts } from '../parts.ts'
import type { ServeRequest } from '../types.ts'
import { openLocal } from './local/open.ts'

/**
 * Runs a registry. Without a storage of its own it keeps everything under the node's root, apart from the images there;
 * with `local` it shows those images, and what is pushed is one of them.
 */
export async function serve(parts: Parts, { storage, ...config }: ServeRequest, call?: Call): Promise<RunningRegistry> {
  if (storage?.kind === 'local' && config.upstreams?.length)
    fail('invalid_argument', 'registry configuration: upstreams: a registry of local images caches no others')
  const kept = await open(parts, storage)
  try {
    return await serveRegistry({ config, ...kept }, call)
  } catch (error) {
    await kept.storage[Symbol.asyncDispose]()
    throw error
  }
}

/** One run of a registry's upkeep. Images of the node itself are its own gc's business. */
export async function collect(parts: Parts, { storage, ...config }: ServeRequest, call?: Call): Promise<Collected> {
  const kept = await open(parts, storage)
  await using _ = kept.storage
  return await collectOnce({ config, ...kept }, call)
}

function open(
  parts: Parts,
  storage: ServeRequest['storage'] = { kind: 'directory', root: join(parts.paths.root, 'registry') },
): Promise<KeptRegistry> | KeptRegistry {
  return storage.kind === 'local' ? openLocal(parts) : { storage: openStorage(storage) }
}
