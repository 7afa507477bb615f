import { CairnError, fail, isCode, type Call } from '#base'
import { isDigest } from '#oci'
import type { Parts } from '../parts.ts'
import type { PullPolicy } from '../types.ts'

interface Wanted {
  /** When the registry is asked. Default `missing`. */
  readonly pull?: PullPolicy
  /** The one to pull, when not the host's. */
  readonly platform?: string
}

/**
 * Finds an image with `find`, pulling it when the policy asks for that. Whatever is an ID, not a name, is never pulled.
 * The common case, an image that is here, loads nothing.
 */
export async function obtain<Found>(
  parts: Parts,
  ref: string,
  { pull: policy = 'missing', platform }: Wanted,
  find: () => Promise<Found>,
  call?: Call,
): Promise<Found> {
  if (policy === 'never' || isId(ref)) return find()
  if (policy === 'always') await fetched(parts, ref, platform, call)
  try {
    return await find()
  } catch (error) {
    if (policy === 'always' || !isCode(error, 'not_found')) throw error
  }
  try {
    await fetched(parts, ref, platform, call)
  } catch (error) {
    if (!(error instanceof CairnError) || error.code === 'canceled') throw error
    fail(
      error.code,
      `no such image: ${ref}${platform === undefined ? '' : ` for ${platform}`}, and it cannot be pulled: ${error.message}`,
      {
        cause: error,
        hint: error.hint ?? "see 'cairn images'; 'cairn load' and 'cairn import' bring images without a registry",
      },
    )
  }
  return find()
}

async function fetched(parts: Parts, ref: string, platform: string | undefined, call?: Call): Promise<void> {
  const { pull } = await import('../registry/pull.ts')
  await pull(parts, ref, platform === undefined ? {} : { platform }, call)
}

function isId(ref: string): boolean {
  return isDigest(ref) || /^(?:[0-9a-f]{64}|sha256:[0-9a-f]+)$/.test(ref)
}
