import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, type Call } from '#base'
import { oneShotName } from '#content'
import { formatReference, parseReference, withDefaultTag } from '#oci'
import type { Parts } from '../parts.ts'
import { archiveSource, sent } from './archive.ts'
import { writeWhole } from './writewhole.ts'
import type { Destination, Source } from './types.ts'

/**
 * The store of podman, buildah and CRI-O. Its format is theirs alone, so skopeo or podman reads and writes it, by
 * way of an archive in our spool. What is stored there uncompressed has no digest of a registry's any more.
 */
export async function containersStorageSource(parts: Parts, name: string, ref: string, call?: Call): Promise<Source> {
  const path = await spoolFile(parts)
  const remove = (): void => rmSync(path, { force: true })
  try {
    if (Bun.which('skopeo')) {
      const accept = '--dest-oci-accept-uncompressed-layers'
      await ran(
        ['skopeo', 'copy', '-q', '--insecure-policy', accept, `containers-storage:${ref}`, `oci-archive:${path}`],
        call,
      )
    } else await ran([podman(), 'save', '-q', '--format', 'oci-archive', '-o', path, ref], call)
    const source = await archiveSource(parts, name, { kind: 'oci-archive', path }, call)
    return {
      ...source,
      ...(/^@?[0-9a-f]{12,64}$/.test(ref) ? {} : { image: formatReference(withDefaultTag(parseReference(ref))) }),
      [Symbol.asyncDispose]: async () => {
        await source[Symbol.asyncDispose]()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

export async function containersStorageDestination(parts: Parts, name: string, ref: string): Promise<Destination> {
  const full = formatReference(withDefaultTag(parseReference(ref)))
  return {
    name,
    single: true,
    whole: true,
    receive: async (image, options) => {
      const path = await spoolFile(parts)
      try {
        return await sent({ name, single: true, ref: full }, image, options, async (tar) => {
          await writeWhole(path, tar)
          if (Bun.which('skopeo'))
            await ran(
              [
                'skopeo',
                'copy',
                '-q',
                '--insecure-policy',
                '--preserve-digests',
                `oci-archive:${path}`,
                `containers-storage:${full}`,
              ],
              options,
            )
          else await ran([podman(), 'load', '-q', '-i', path], options)
        })
      } finally {
        rmSync(path, { force: true })
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** Under a name that is swept after a crash. */
async function spoolFile(parts: Parts): Promise<string> {
  return join((await parts.store()).spool, oneShotName())
}

function podman(): string {
  if (Bun.which('podman')) return 'podman'
  return fail('failed_precondition', 'containers-storage: needs skopeo or podman', { hint: 'apt install skopeo' })
}

async function ran(argv: readonly string[], call?: Call): Promise<void> {
  const child = Bun.spawn([...argv], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    maxBuffer: 1 << 20,
    ...(call?.signal ? { signal: call.signal } : {}),
  })
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (call?.signal?.aborted) fail('canceled', 'canceled', { cause: call.signal.reason })
  if (code !== 0) fail('unavailable', `${argv[0]} failed: ${said.trim().split('\n').at(-1)?.slice(0, 500)}`)
}
