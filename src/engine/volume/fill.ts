import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { fail, isCode, type Call } from '#base'
import { close, FileType, O, openIn, openPath, statAt } from '#sys'
import type { Parts } from '../parts.ts'
import type { ContainerMount } from '../types.ts'

/** Host directories that `-v` names and nobody has made yet, as Docker makes them; `--mount` refuses instead. */
export function makeSources(mounts: readonly ContainerMount[]): void {
  for (const mount of mounts) {
    if (mount.type !== 'bind' || existsSync(mount.source)) continue
    if (!mount.createSource)
      fail('not_found', `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`, {
        hint: `mkdir -p ${mount.source}, or use -v, which makes it`,
      })
    if (mkdirSync(mount.source, { recursive: true }) !== undefined) chmodSync(mount.source, 0o755)
  }
}

/**
 * Gives an empty volume what the image has at its place: contents, owner and mode. A volume that
 * holds anything, by whatever container, is left alone.
 */
export async function fillVolumes(
  parts: Parts,
  mounts: readonly ContainerMount[],
  rootfs: string,
  call?: Call,
): Promise<void> {
  for (const mount of mounts) {
    if (mount.type !== 'volume' || mount.name === undefined) continue
    const { path } = parts.volumes.ensure(mount.name, { anonymous: mount.anonymous === true })
    if (mount.nocopy || readdirSync(path).length > 0) continue
    const source = directoryIn(rootfs, mount.target)
    if (source === undefined) continue
    try {
      const { mode, uid, gid } = statAt(source, '')!
      chownSync(path, uid, gid)
      chmodSync(path, mode & 0o7777)
      const place = `/proc/self/fd/${source}`
      if (readdirSync(place).length === 0) continue
      const differ = await parts.differ()
      await differ.apply(differ.compare(place, {}, call), path, call)
    } finally {
      close(source)
    }
  }
}

/** A descriptor of a directory in a root file system, links resolved inside it; undefined when there is none. */
function directoryIn(rootfs: string, path: string): number | undefined {
  const root = openPath(rootfs, O.PATH | O.DIRECTORY)
  try {
    const fd = openIn(root, path, O.RDONLY | O.DIRECTORY)
    if ((statAt(fd, '')!.mode & FileType.mask) === FileType.directory) return fd
    close(fd)
    return undefined
  } catch (error) {
    if (isCode(error, 'not_found') || /ENOENT|ENOTDIR|ELOOP/.test(String((error as Error).message))) return undefined
    throw error
  } finally {
    close(root)
  }
}
