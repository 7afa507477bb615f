import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { acquireLease, ownerTag, tagIsAlive } from '#content'
import { serveRegistry } from '#registry/server'
import type { Parts } from '../../parts.ts'
import { nodeRepositories } from './repositories.ts'
import { nodeStorage } from './storage.ts'
import { bridge } from './tunnel.ts'

/** A connection on which nothing moves for so long is given up, seconds: layers are laid out meanwhile. */
const IDLE = 255

/** What killed processes left. */
async function sweep(run: string): Promise<void> {
  for (const name of await readdir(run))
    if (name.startsWith('stdio-') && tagIsAlive(name.slice('stdio-'.length)) === false)
      await rm(join(run, name), { recursive: true, force: true })
}

/** Serves this node's images on two pipes, until the first one ends: the far end of `push ssh://`. */
export async function serveStdio(parts: Parts, input: Readable, output: Writable): Promise<void> {
  await using lease = acquireLease(parts.db, 'serve --stdio')
  await mkdir(parts.paths.run, { recursive: true, mode: 0o700 })
  // 0700: nobody else gets to dial.
  const directory = join(parts.paths.run, `stdio-${ownerTag()}`)
  await sweep(parts.paths.run)
  await mkdir(directory, { mode: 0o700 })
  const socket = join(directory, 'socket')
  try {
    const storage = await nodeStorage(parts, lease)
    const registry = await serveRegistry({
      // Whether all of an image is there shows when it is laid out: a layer may have come as its tar.
      config: { deletes: false, references: 'none', gc: { intervalSeconds: 0 }, limits: { idleSeconds: IDLE } },
      storage,
      repositories: await nodeRepositories(parts, storage, lease),
      socket,
    })
    try {
      await bridge(input, output, { path: socket })
    } finally {
      await registry.stop(0)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
