import { readFileSync } from 'node:fs'

let userNamespace: boolean | undefined

/** Whether this process stands in a user namespace: root there is not root on the host. */
export function inUserNamespace(): boolean {
  userNamespace ??= !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
  return userNamespace
}
