import { fail } from '#base'
import type { ContentProvider } from './types.ts'

/** Several providers as one: the first that has a blob serves it. */
export function unionProvider(...providers: readonly ContentProvider[]): ContentProvider {
  return {
    has: async (d, call) => {
      for (const provider of providers) if (await provider.has(d, call)) return true
      return false
    },
    open: async (d, call) => {
      for (const provider of providers) if (await provider.has(d, call)) return provider.open(d, call)
      return fail('not_found', `blob ${d.digest} is not here`, { hint: 'load or pull the image again' })
    },
  }
}
