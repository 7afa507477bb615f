import { readFileSync } from 'node:fs'
import { fail } from '#base'
import { close, isErrno, O, openIn } from '#sys'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export const ROOT: Owner = { uid: 0, gid: 0 }

/**
 * `--chown` and the owner of WORKDIR: `user`, `user:group`, by name or number. A number alone is the group as well, as
 * Docker has it; names are looked up in the root's own /etc/passwd and /etc/group.
 */
export function resolveOwner(root: number, text: string): Owner {
  const [user = '', group] = text.split(':', 2)
  const isNumber = /^\d+$/.test(user)
  const entry = isNumber || user === '' ? undefined : lookUp(root, 'passwd', user)
  const uid = isNumber ? readId(user) : user === '' ? 0 : Number(entry![2])
  if (group === undefined || group === '') return { uid, gid: isNumber ? uid : Number(entry?.[3] ?? 0) }
  return { uid, gid: /^\d+$/.test(group) ? readId(group) : Number(lookUp(root, 'group', group)[2]) }
}

function readId(text: string): number {
  const id = Number(text)
  if (id > 0xfffffffe) fail('invalid_argument', `no such user or group ID: ${text}`)
  return id
}

/** The fields of an entry by name. */
function lookUp(root: number, file: 'passwd' | 'group', name: string): readonly string[] {
  for (const line of readLines(root, `etc/${file}`)) {
    const fields = line.split(':')
    const id = fields[2]
    if (fields[0] === name && id !== undefined && /^\d+$/.test(id)) return fields
  }
  const kind = file === 'passwd' ? 'user' : 'group'
  return fail('not_found', `no ${kind} ${JSON.stringify(name)} in the image's /etc/${file}`, {
    hint: `add the ${kind} in a step before, or give a number`,
  })
}

/** Larger than any user database that is not an attack. */
const LIMIT = 16 << 20

function readLines(root: number, path: string): readonly string[] {
  let fd: number
  try {
    fd = openIn(root, path, O.RDONLY | O.NONBLOCK)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return []
    throw error
  }
  try {
    const bytes = readFileSync(fd)
    if (bytes.length > LIMIT) fail('resource_exhausted', `/${path} in the image is larger than ${LIMIT} bytes`)
    return bytes.toString('utf8').split('\n')
  } finally {
    close(fd)
  }
}
