import { fail, type Call } from '#base'
import { readRegular } from '#sys'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export const ROOT: Owner = { uid: 0, gid: 0 }

/**
 * `--chown` and the owner of WORKDIR: `user`, `user:group`, by name or number. A number alone is the group as well, as
 * Docker has it; names are looked up in the root's own /etc/passwd and /etc/group. As with BuildKit a name that is not
 * in its file means root, or the user's own group, which `call` is warned of; without any root it is `not_found`.
 */
export function resolveOwner(root: number | undefined, text: string, call?: Call): Owner {
  const [user = '', group] = text.split(':', 2)
  const id = asId(user)
  const entry = id === undefined ? lookUp(root, 'passwd', user, call) : undefined
  const uid = id ?? Number(entry?.[2] ?? 0)
  const own = id ?? Number(entry?.[3] ?? 0)
  if (group === undefined) return { uid, gid: own }
  return { uid, gid: asId(group) ?? Number(lookUp(root, 'group', group, call)?.[2] ?? own) }
}

/** A number, or a name that every system knows: nothing and `root` are 0. */
function asId(text: string): number | undefined {
  if (text === '' || text === 'root') return 0
  return /^\d+$/.test(text) ? readId(text) : undefined
}

function readId(text: string): number {
  const id = Number(text)
  if (id > 0xfffffffe) fail('invalid_argument', `no such user or group ID: ${text}`)
  return id
}

/** The fields of an entry by name. */
function lookUp(
  root: number | undefined,
  file: 'passwd' | 'group',
  name: string,
  call?: Call,
): readonly string[] | undefined {
  const kind = file === 'passwd' ? 'user' : 'group'
  if (root === undefined)
    fail('not_found', `no ${kind} ${JSON.stringify(name)}: there is no image to look it up in`, {
      hint: 'give a number; --link and scratch know no names',
    })
  for (const line of readLines(root, `/etc/${file}`)) {
    const fields = line.split(':')
    const id = fields[2]
    if (fields[0] === name && id !== undefined && /^\d+$/.test(id)) return fields
  }
  const instead = file === 'passwd' ? 'root' : "the user's own"
  call?.progress?.({
    kind: 'warning',
    message: `no ${kind} ${JSON.stringify(name)} in the image's /etc/${file}: ${instead} is taken instead`,
  })
  return undefined
}

/** Larger than any user database that is not an attack. */
const LIMIT = 16 << 20

function readLines(root: number, path: string): readonly string[] {
  return readRegular(root, path, LIMIT).toString('utf8').split('\n')
}
