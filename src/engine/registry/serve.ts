import { join } from 'node:path'
import type { Call } from '#base'
import { openStorage, serveRegistry, type RunningRegistry } from '#registry/server'
import type { Parts } from '../parts.ts'
import type { ServeRequest } from '../types.ts'

/** Runs a registry. Without a storage of its own it keeps everything under the node's root, apart from the images there. */
export async function serve(parts: Parts, { storage, ...config }: ServeRequest, call?: Call): Promise<RunningRegistry> {
  const opened = openStorage(storage ?? { kind: 'directory', root: join(parts.paths.root, 'registry') })
  try {
    return await serveRegistry({ config, storage: opened }, call)
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}
