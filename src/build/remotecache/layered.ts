import type { Call } from '#base'
import type { Digest } from '#oci'
import type { BuildCache } from '../cache.ts'
import type { BuildHost } from '../types.ts'
import type { RemoteCaches } from './remote.ts'

/**
 * Records of this machine, then those of the given caches. A record from outside becomes one of this machine
 * when its layers have come here.
 */
export function layeredCache(host: BuildHost, own: BuildCache, remote: RemoteCaches): BuildCache {
  const found = new Map<Digest, { readonly stack: readonly Digest[]; readonly name: string }>()
  return {
    load: async (key, about) => {
      const known = await own.load(key, about)
      if (known) return known
      const stack = await remote.find(key)
      if (stack) found.set(key, { stack, name: about.name })
      return stack
    },
    save: async (key, stack, about) => {
      if (stack.every((layer) => host.layers.stat(layer) !== undefined)) await own.save(key, stack, about)
      else found.set(key, { stack, name: about.name })
    },
    close: () => {
      for (const [key, { stack, name }] of found)
        if (stack.every((layer) => host.layers.stat(layer) !== undefined)) void own.save(key, stack, { name })
      own.close()
    },
  }
}

/** The host, whose snapshots fetch what a cache has and this machine lacks. */
export function bringing(host: BuildHost, bring: (layers: readonly Digest[], call?: Call) => Promise<void>): BuildHost {
  const { snapshots } = host
  return {
    ...host,
    snapshots: {
      usage: (dir) => snapshots.usage(dir),
      prepare: async (dir, layers, options, call) => {
        await bring(layers, call)
        return snapshots.prepare(dir, layers, options, call)
      },
      view: async (dir, layers, call) => {
        await bring(layers, call)
        return snapshots.view(dir, layers, call)
      },
    },
  }
}
