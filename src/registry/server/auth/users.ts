import { readFileSync, statSync } from 'node:fs'
import { fail, Limit } from '#base'

/** Checks names and passwords. */
export interface Users {
  verify(name: string, password: string): Promise<boolean>
  /** What changes with a user's password, and says nothing of it; undefined for a name that nobody has. */
  mark(name: string): string | undefined
}

/** Right passwords are remembered for so long: bcrypt is slow on purpose, and a pull is many requests. */
const REMEMBERED_MS = 60_000
const REMEMBERED = 1000
/** So many checks of bcrypt at once; more wait, so that guesses do not take every thread. */
const AT_ONCE = 2

/** What is checked for a name that nobody has, so that its absence cannot be told by the time. */
const NOBODY = '$2b$10$abcdefghijklmnopqrstuuO3k5vGEW2vXMTq9DDnb8ZKmXq3pb9Ge'

/** Users of a file as Apache's `htpasswd -B` writes it. Only bcrypt is taken. */
export function htpasswdUsers(path: string): Users {
  let hashes = new Map<string, string>()
  let version = ''
  const refresh = (): void => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat) fail('not_found', `there is no password file ${path}`)
    const now = `${stat.mtimeMs} ${stat.size} ${stat.ino}`
    if (now === version) return
    hashes = parseHtpasswd(readFileSync(path, 'utf8'), path)
    known.clear()
    version = now
  }
  const known = new Map<string, number>()
  const limit = new Limit(AT_ONCE)
  refresh()
  return {
    verify: async (name, password) => {
      refresh()
      const hash = hashes.get(name)
      // The hash is part of the key: a changed password is asked for again.
      const key = new Bun.CryptoHasher('sha256').update(JSON.stringify([name, password, hash])).digest('hex')
      if ((known.get(key) ?? 0) > Date.now()) return true
      const right = await limit.run(() => Bun.password.verify(password, hash ?? NOBODY, 'bcrypt').catch(() => false))
      if (!right || hash === undefined) return false
      if (known.size >= REMEMBERED) known.clear()
      known.set(key, Date.now() + REMEMBERED_MS)
      return true
    },
    mark: (name) => {
      refresh()
      const hash = hashes.get(name)
      // Bcrypt's salt, 128 bits that nobody else knows, keeps guesses at the password from being tried on this.
      return hash && new Bun.CryptoHasher('sha256').update(JSON.stringify([name, hash])).digest('base64url')
    },
  }
}

/** Name to hash. `invalid_argument` names the line that is not `name:bcrypt`. */
function parseHtpasswd(text: string, file: string): Map<string, string> {
  const hashes = new Map<string, string>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    const hash = line.slice(colon + 1).trim()
    if (colon < 1 || !/^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash))
      fail('invalid_argument', `line ${i + 1} is not "name:bcrypt-hash"`, {
        hint: 'make the file with: cairn registry htpasswd FILE USER',
        location: { file, line: i + 1 },
      })
    hashes.set(line.slice(0, colon), hash.replace(/^\$2[xy]\$/, '$2b$'))
  }
  return hashes
}
