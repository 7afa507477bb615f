import { FileType, getXattr, inUserNamespace, type Stat } from '#sys'

/** Attributes by which overlayfs marks directories: `trusted.` for the host's root, `user.` with the `userxattr` mount option. */
export function overlayXattr(name: 'opaque' | 'origin'): string {
  return `${inUserNamespace() ? 'user' : 'trusted'}.overlay.${name}`
}

/** A device 0/0: what overlayfs takes for a whiteout. */
export function isWhiteout({ mode, rdevMajor, rdevMinor }: Stat): boolean {
  return (mode & FileType.mask) === FileType.chardev && rdevMajor === 0 && rdevMinor === 0
}

/** Attributes that mean something to overlayfs itself: never taken from a layer, never put into one. */
export function isOverlayXattr(name: string): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')
}

/** A directory that hides those of the layers below it. */
export function isOpaque(directory: number): boolean {
  return getXattr(directory, overlayXattr('opaque'))?.[0] === 'y'.charCodeAt(0)
}
