import { matchesRepository } from '../config.ts'
import type { Rule } from '../configtypes.ts'
import type { Action } from '../http/handler.ts'

/** The name under which rules speak of callers that have not logged in. */
const ANONYMOUS = 'anonymous'

/** What a caller may do. */
export type Access = (action: Action, repository: string) => boolean

const EVERYONE: readonly Rule[] = [{ repositories: ['**'], users: ['*'], allow: ['pull', 'push', 'delete'] }]

/** The access of a user by rules; undefined is a caller that has not logged in. */
export function accessOf(user: string | undefined, rules: readonly Rule[] = EVERYONE): Access {
  const mine = rules.filter(({ users }) =>
    user === undefined
      ? users.includes(ANONYMOUS)
      : users.includes('*') || users.includes(user) || users.includes(ANONYMOUS),
  )
  return (action, repository) =>
    mine.some((rule) => rule.allow.includes(action) && matchesRepository(rule.repositories, repository))
}
