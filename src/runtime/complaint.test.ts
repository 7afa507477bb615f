import { expect, test } from 'bun:test'
import { complaint } from './complaint.ts'

test.each([
  ['crun', 'error opening file `/run/crun/x/status`: No such file or directory'],
  ['crun', 'cannot open directory `/run/crun/x`: No such file or directory'],
  // A dying `crun run` took it away while `crun delete` was at it.
  ['crun', 'cannot rm state directory `/run/crun/x`: No such file or directory'],
  ['runc', 'container does not exist'],
])('%s, which says %p, has no such container', (kind, said) => {
  expect(complaint(kind, `${said}\n`, 'delete', 'x').code).toBe('not_found')
})

test.each([
  ['cannot rm state directory `/run/crun/x`: Device or resource busy', 'internal'],
  ['container `x` is not in stopped state', 'failed_precondition'],
  ['cannot pause the container without a cgroup', 'failed_precondition'],
] as const)('%p is not that', (said, code) => {
  expect(complaint('crun', said, 'delete', 'x').code).toBe(code)
})
