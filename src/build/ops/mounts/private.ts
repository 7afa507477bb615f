import { applyMounts, unmount } from '#sys'

/**
 * A directory on a tmpfs of this process's own mount namespace, made on first use: it is never on a disk, no other
 * process sees it, and the kernel takes it away with this one, however that ends.
 */
export function privateDirectory(path: string, cleanup: AsyncDisposableStack): () => string {
  let made = false
  return () => {
    if (made) return path
    applyMounts([{ type: 'tmpfs', target: path, options: 'size=64m,mode=755' }])
    cleanup.defer(() => void unmount(path, { lazy: true }))
    made = true
    return path
  }
}

/** Builds of this process whose steps have something to hide. */
let hiding = 0

/**
 * Lets the runtime keep what it knows of this process's containers where no other process sees it, until it is disposed:
 * it holds their environment, in which a secret may be. For all steps of a build, or those begun before would be lost
 * to it.
 */
export function hideState(stateDir: string): Disposable {
  if (hiding++ === 0) applyMounts([{ type: 'tmpfs', target: stateDir, options: 'size=64m,mode=700' }])
  return {
    [Symbol.dispose]: () => {
      if (--hiding === 0) unmount(stateDir, { lazy: true })
    },
  }
}
