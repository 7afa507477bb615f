import { fail } from '#base'
import { close, O, openPath, readRegular } from '#sys'

/** Whom a process runs as, in numbers. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
  /** From the user database; `/` for a user without an entry. */
  readonly home: string
}

/** The databases come from an image: read no more than this. A real one has a few kilobytes. */
const DATABASE_LIMIT = 4 * 1024 * 1024
/** uid_t, less the one that means "unchanged" to chown(2). */
const MAX_ID = 2 ** 32 - 2

interface Passwd {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

interface Group {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/**
 * Docker's reading of `user`, `uid`, `user:group` and `uid:gid`, each part a name or a number,
 * from `/etc/passwd` and `/etc/group` inside the root filesystem (the kernel keeps the lookup
 * inside it). A number needs no entry; a name does, or it is `invalid_argument`. What looks like a number is
 * one, though a user be called so. Without a group, the user's own and every group listing the user; with one, that alone.
 * The group itself is among the additional ones: a set-group-ID program must not shed it.
 * `groups` (`--group-add`) are always added.
 */
export function resolveUser(rootfs: string, spec: string, groups: readonly string[] = []): ResolvedUser {
  const root = openPath(rootfs, O.PATH | O.DIRECTORY)
  try {
    const [user = '', group = ''] = spec.split(/:(.*)/s)
    const passwd = findUser(root, user)
    const found = group === '' && groups.length === 0 && !passwd ? [] : readGroups(root)
    const uid = passwd?.uid ?? Number(user)
    const gid = group === '' ? (passwd?.gid ?? 0) : groupId(found, group)
    const own = group === '' && passwd ? found.filter((entry) => entry.members.includes(passwd.name)) : []
    const additional = [...own.map((entry) => entry.gid), ...groups.map((name) => groupId(found, name))]
    const additionalGids = [...new Set([gid, ...additional])]
    return { uid, gid, additionalGids, home: passwd?.home || '/' }
  } finally {
    close(root)
  }
}

function findUser(root: number, user: string): Passwd | undefined {
  const wanted = user === '' ? '0' : user
  const entries = readDatabase(root, '/etc/passwd').flatMap(parsePasswd)
  const id = asId(wanted)
  if (id === undefined)
    return (
      entries.find((entry) => entry.name === wanted) ??
      fail('invalid_argument', `unable to find user ${user}: no matching entries in passwd file`)
    )
  const numbered = entries.find((entry) => entry.uid === id)
  return numbered ?? (id === 0 ? { name: 'root', uid: 0, gid: 0, home: '/root' } : undefined)
}

function groupId(groups: readonly Group[], wanted: string): number {
  return (
    asId(wanted) ??
    groups.find((entry) => entry.name === wanted)?.gid ??
    fail('invalid_argument', `unable to find group ${wanted}: no matching entries in group file`)
  )
}

function asId(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const id = Number(text)
  if (id > MAX_ID) fail('invalid_argument', `user and group ids go from 0 to ${MAX_ID}, not ${text}`)
  return id
}

function isId(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_ID
}

function readGroups(root: number): Group[] {
  return readDatabase(root, '/etc/group').flatMap((line) => {
    const [name, , id, members = ''] = line.split(':')
    const gid = Number(id)
    return name && id && isId(gid) ? [{ name, gid, members: members.split(',') }] : []
  })
}

function parsePasswd(line: string): Passwd[] {
  const [name, , id, group, , home = ''] = line.split(':')
  const [uid, gid] = [Number(id), Number(group)]
  return name && id && group && isId(uid) && isId(gid) ? [{ name, uid, gid, home }] : []
}

/** Lines of a file inside the root; none when it is absent or no file. */
function readDatabase(root: number, path: string): string[] {
  return readRegular(root, path, DATABASE_LIMIT)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}
