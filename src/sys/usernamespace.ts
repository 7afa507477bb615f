import { readFileSync } from 'node:fs'

let userNamespace: boolean | undefined

/** Whether this process stands in a user namespace: root there is not root on the host. */
export function inUserNamespace(): boolean {
  userNamespace ??= !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
  return userNamespace
}

/** Who this process is to the machine: root of a user's namespace is that user (user_namespaces(7), `uid_map`). */
export function outerUser(): number {
  const uid = process.getuid!()
  if (!inUserNamespace()) return uid
  const root = /^\s*0\s+(\d+)\s/m.exec(readFileSync('/proc/self/uid_map', 'utf8'))
  return root ? Number(root[1]) : uid
}
