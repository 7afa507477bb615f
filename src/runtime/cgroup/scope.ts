/** The group of a user's systemd, in which all that is the user's to limit lies. */
export function managerPath(uid: number): string {
  return `/user.slice/user-${uid}.slice/user@${uid}.service`
}

/** The slice of the user's systemd for what belongs to no application. */
const SLICE = 'user.slice'

/** The group of the scope that the user's systemd makes for a container. */
export function scopePath(uid: number, id: string): string {
  return `${managerPath(uid)}/${SLICE}/cairn-${id}.scope`
}

/** How runtimes are told of such a scope, `slice:prefix:name`; undefined of any other group. */
export function scopeWords(path: string): string | undefined {
  const [, id] =
    /^\/user\.slice\/user-\d+\.slice\/user@\d+\.service\/user\.slice\/cairn-([^/]+)\.scope$/.exec(path) ?? []
  return id === undefined ? undefined : `${SLICE}:cairn:${id}`
}
