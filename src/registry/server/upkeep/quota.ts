import { matchesRepository } from '../config.ts'
import type { ResolvedConfig } from '../configtypes.ts'
import { refuse } from '../http/refusal.ts'
import type { Repositories } from '../repositories.ts'
import type { RegistryStorage } from '../types.ts'

/**
 * Returns a check that refuses bytes beyond a quota. What a group of repositories has is the sum
 * of its blobs, each once however many of them have it.
 */
export function openQuotas(
  quotas: ResolvedConfig['quotas'],
  storage: RegistryStorage,
  repositories: Repositories,
): (name: string, bytes: number) => Promise<void> {
  return async (name, bytes) => {
    for (const quota of quotas) {
      if (!matchesRepository(quota.repositories, name)) continue
      const used = await usage(storage, repositories, quota.repositories)
      if (used + bytes > quota.bytes)
        refuse('DENIED', `the quota of ${quota.bytes} bytes is exceeded`, { detail: { used, asked: bytes } })
    }
  }
}

async function usage(
  storage: RegistryStorage,
  repositories: Repositories,
  patterns: readonly string[],
): Promise<number> {
  const sizes = new Map<string, number>()
  for (const name of await repositories.list()) {
    if (!matchesRepository(patterns, name)) continue
    for (const { key, value } of await storage.records.list(`blob/${name}@`)) {
      sizes.set(key.slice(key.indexOf('@') + 1), Number(value))
    }
    for (const { digest, manifest } of await repositories.manifests(name)) sizes.set(digest, manifest.size)
  }
  return sizes.values().reduce((sum, size) => sum + size, 0)
}
