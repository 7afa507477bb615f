import { describe, expect, test } from 'bun:test'
import { startFailure } from './failure.ts'

/** What the two runtimes say, word for word. */
describe("is told apart by the runtime's own words", () => {
  test.each([
    ['executable file `nosuch` not found in $PATH: No such file or directory', 127],
    ['runc run failed: unable to start container process: exec: "nosuch": executable file not found in $PATH', 127],
    [
      'runc run failed: unable to start container process: exec: "/no/such": stat /no/such: no such file or directory',
      127,
    ],
    ['exec container process `/x.sh`: No such file or directory', 127],
    ['open executable: Permission denied', 126],
    ['open executable: Operation not permitted', 126],
    ['runc run failed: unable to start container process: exec: "/etc": permission denied', 126],
    ['exec container process `/x`: Exec format error', 126],
    ['runc create failed: unable to start container process: exec: "/etc": is a directory', 126],
    ['container with id exists: x', 125],
    ['mount `/nosuch` to `data`: No such file or directory', 125],
    ['creating cgroup directory `/sys/fs/cgroup/cpu/x`: Permission denied', 125],
    ['', 125],
  ])('%s: %d', (said, code) => {
    expect(startFailure('crun', said, 'cmd').exitCode).toBe(code as 125)
  })
})

test("is one line in Docker's words", () => {
  expect(startFailure('crun', 'executable file `x` not found in $PATH: No such file', 'x').message).toBe(
    'exec: "x": executable file not found in $PATH',
  )
  expect(startFailure('runc', 'exec: "/x": stat /x: no such file or directory', '/x').message).toBe(
    'exec: "/x": no such file or directory',
  )
  expect(startFailure('runc', 'one\n  two\n', 'x').message).toBe('runc: one; two')
  expect(startFailure('crun', '', 'x').message).toBe('crun: failed without a word')
})

test('a profile that was removed between the look and the start', () => {
  for (const said of [
    'write file `/proc/thread-self/attr/exec`: No such file or directory',
    'runc run failed: unable to start container process: error during container init: unable to apply apparmor profile: ' +
      'apparmor failed to apply profile: write /proc/self/attr/apparmor/exec: no such file or directory',
  ])
    expect(startFailure('crun', said, 'x')).toMatchObject({ exitCode: 125, code: 'failed_precondition' })
})
