import { fail } from '#base'
import { columnOf, type Column } from './columns.ts'

const FULL = 'user=UID pid ppid c stime tty=TTY time args=CMD'
const USERS = 'user pid pcpu pmem vsz rss tty=TTY stat stime=START bsdtime args'
const SHORT = 'pid tty=TTY stat bsdtime args'
const EVERY = 'pid tty=TTY time comm=CMD'

/**
 * The columns that options of ps(1) ask for: none and `-ef`, `aux`, `ax`, `-e`, and `-o LIST` in its usual forms. Which
 * processes they select does not matter: they are the container's.
 */
export function psColumns(words: readonly string[]): readonly Column[] {
  const lists: string[] = []
  const letters: string[] = []
  for (let i = 0; i < words.length; i++) {
    const [, flags, list] = /^(-?[eAax]*)o(.*)$/s.exec(words[i]!) ?? []
    if (words[i] === '--format' || words[i]!.startsWith('--format='))
      lists.push(words[i]!.slice(9) || (words[++i] ?? ''))
    else if (flags !== undefined) lists.push(list || (words[++i] ?? ''))
    else letters.push(words[i]!)
  }
  if (lists.length > 0 && letters.every((word) => /^-?[eAax]+$/.test(word))) return lists.flatMap(listed)
  const asked = letters.join(' ')
  if (lists.length > 0) return refuse(asked)
  const bare = asked.replace(/^-/, '')
  if (asked === '' || /^-(?=.*f)[eAaf]+$/.test(asked)) return preset(FULL)
  if (/^(?=.*u)[aux]+$/.test(bare)) return preset(USERS)
  if (/^[ax]+$/.test(bare)) return preset(SHORT)
  return /^-[eA]+$/.test(asked) ? preset(EVERY) : refuse(asked)
}

function refuse(asked: string): never {
  return fail('unimplemented', `the ps options ${JSON.stringify(asked)} are not supported`, {
    hint: 'none or -ef, aux, ax, -e, or -o with a list like pid,user,etime,args',
  })
}

function preset(columns: string): readonly Column[] {
  return columns.split(' ').map((word) => {
    const [name = '', heading] = word.split('=')
    return columnOf(name, heading)!
  })
}

/** POSIX: a heading of one's own goes on to the end of the word. */
function listed(list: string): readonly Column[] {
  const [, names = '', heading] = /^([^=]*)(?:=(.*))?$/s.exec(list) ?? []
  const each = names.split(/[\s,]+/).filter(Boolean)
  if (each.length === 0) fail('invalid_argument', 'ps -o: a list of columns is meant', { hint: '-o pid,user,args' })
  return each.map(
    (name, i) =>
      columnOf(name, i === each.length - 1 ? heading : undefined) ??
      fail('invalid_argument', `ps: unknown user-defined format specifier "${name}"`),
  )
}
