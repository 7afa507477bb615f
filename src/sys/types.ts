/**
 * One mount to make, as data. Snapshots answer with these and never mount; whoever owns the
 * mount namespace makes them with `applyMounts`.
 */
export type Mount = ErofsMount | OverlayMount | BindMount | TmpfsMount

export interface ErofsMount {
  readonly type: 'erofs'
  /** The image file. */
  readonly source: string
  readonly target: string
  /** Through a loop device that detaches itself: for kernels below 6.12 and files on tmpfs or overlayfs. */
  readonly loop: boolean
}

export interface OverlayMount {
  readonly type: 'overlay'
  readonly target: string
  /** Topmost first. */
  readonly lower: readonly string[]
  /** Absent for a read-only view. */
  readonly upper?: string
  readonly work?: string
  /** Skip syncs: for trees that die with their container. */
  readonly volatile?: boolean
  /** In a user namespace: `user.overlay.*` xattrs. */
  readonly userxattr?: boolean
}

export interface BindMount {
  readonly type: 'bind'
  readonly source: string
  readonly target: string
  readonly recursive: boolean
  readonly readonly: boolean
}

export interface TmpfsMount {
  readonly type: 'tmpfs'
  readonly target: string
  /** mount(2) data, for example `size=64m,mode=755`. */
  readonly options?: string
}
