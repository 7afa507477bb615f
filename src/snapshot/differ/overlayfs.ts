import { inUserNamespace } from '#sys'

/** Attributes by which overlayfs marks directories: `trusted.` for the host's root, `user.` with the `userxattr` mount option. */
export function overlayXattr(name: 'opaque' | 'origin'): string {
  return `${inUserNamespace() ? 'user' : 'trusted'}.overlay.${name}`
}

/** Attributes that mean something to overlayfs itself: never taken from a layer, never put into one. */
export function isOverlayXattr(name: string): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')
}
